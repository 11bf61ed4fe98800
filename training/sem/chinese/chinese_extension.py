"""A finished English SEM that also reads Chinese: its tokenizer, its network for training, and its export."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn

from ....data.conversations import Conversation
from ....sem.runtime.encoding import DialogueEncoder
from ....sem.runtime.manifest import NETWORK, TOKENIZER, Manifest, sha256_digest
from ....sem.runtime.onnx_sem import OnnxSem
from .chinese_pieces import CONTINUES, add_words, extend_tokenizer, is_chinese, lexical_facts, select_pieces
from .onnx_extension import extend_network
from .piece_embeddings import compose_unseen, embeddings_from_translations
from .restored_sem import RestoredSem
from .word_alignment import align_pieces

Array = NDArray[np.float32]
WORDS = "emotion.trunk.embeddings.word_embeddings.weight"
TRAINING_WINDOW = 128


class ChineseExtension:
    """Chinese pieces for the SEM of a folder.

    Args:
        sem: Folder of an exported English SEM with BERT's WordPiece tokenizer.
        pieces: A `tokenizer.json` with a Unigram model whose Chinese pieces are taken, beside `ADDED_WORDS`.
    """

    def __init__(self, sem: Path, pieces: Path) -> None:
        self.sem = sem
        self.pieces = add_words(select_pieces(pieces))
        definition = json.loads((sem / TOKENIZER).read_text("utf-8"))
        self._english: dict[str, int] = definition["model"]["vocab"]
        self.definition, self.rows = extend_tokenizer(definition, self.pieces)
        self.tokenizer = Tokenizer.from_str(json.dumps(self.definition))

    @property
    def old(self) -> int:
        """Return the number of embeddings that the SEM has."""
        return len(self._english)

    @property
    def encoder(self) -> DialogueEncoder:
        """Return an encoder for training."""
        return DialogueEncoder(self.tokenizer, TRAINING_WINDOW)

    def untrained_network(self, chinese: Sequence[Conversation], originals: Mapping[str, Conversation]) -> RestoredSem:
        """Return the restored SEM with an embedding for each piece: the mean of its translations in parallel turns."""
        pairs = [
            (self._tokens(turn.text, chinese=True), self._tokens(original.text, chinese=False))
            for conversation in chinese
            for turn, original in zip(conversation.turns[:-1], originals[conversation.conv_id].turns, strict=False)
        ]
        network = RestoredSem(self.sem / NETWORK)
        words: nn.Embedding = network.emotion.trunk.embeddings.word_embeddings  # type: ignore[union-attr, assignment]
        known = words.weight.detach().numpy()
        new = embeddings_from_translations(self.pieces, align_pieces(pairs), self._english, known)
        joined = nn.Embedding(len(known) + len(new), known.shape[1])
        with torch.no_grad():
            joined.weight.copy_(torch.from_numpy(np.concatenate([known, new])))
        network.emotion.trunk.embeddings.word_embeddings = joined  # type: ignore[union-attr]
        return network

    def export(
        self,
        folder: Path,
        embeddings: Array,
        chinese: Sequence[Conversation],
        *,
        heads: Mapping[str, tuple[str, Array, Array]] | None = None,
        **manifest: object,
    ) -> OnnxSem:
        """Write the SEM with trained embeddings of the pieces; an English text reads to the bit as before.

        Args:
            folder: Folder to write.
            embeddings: Trained embeddings of all rows, [old + pieces, width].
            chinese: The conversations that they were trained on; pieces that these lack are made of their characters.
            heads: Further outputs, see `extend_network`.
            manifest: Fields of the manifest that differ from the English SEM's.
        """
        counts = Counter(
            piece for one in chinese for turn in one.turns[:-1] for piece in self._tokens(turn.text, chinese=True)
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / TOKENIZER).write_text(json.dumps(self.definition, ensure_ascii=False, separators=(",", ":")), "utf-8")
        extend_network(
            self.sem / NETWORK,
            folder / NETWORK,
            rows=self.rows,
            new_rows=compose_unseen(self.pieces, counts, embeddings[self.old :]),
            lexical=lexical_facts(self.pieces, self.old),
            heads=heads,
        )
        hashes = {name: sha256_digest(folder / name) for name in (NETWORK, TOKENIZER)}
        update = {"languages": ("en", "zh"), "sha256": hashes} | manifest
        Manifest.load(self.sem).model_copy(update=update).write(folder)
        return OnnxSem(folder)

    def _tokens(self, text: str, *, chinese: bool) -> list[str]:
        """Return the Chinese pieces of a text, or all tokens of an English one."""
        tokens = self.tokenizer.encode(text, add_special_tokens=False).tokens
        if not chinese:
            return list(tokens)
        bare = [token.removeprefix(CONTINUES) for token in tokens]
        return [token for token in bare if token and is_chinese(token[0])]
