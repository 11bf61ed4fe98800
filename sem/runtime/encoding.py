"""Encoding of dialogues as token ids within the model's window, with offsets into the raw text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from ...contract import SetupError
from ...contract.chinese.simplified import simplified
from ...contract.dialogue import Dialogue
from .emoji_words import has_emoji, with_emoji_words

BEGIN, END = ("[CLS]", "<s>"), ("[SEP]", "</s>")
"""Names of the special token before a dialogue, and of the one after each turn."""
CHARACTERS_PER_TOKEN = 8
"""Characters per token of the window that are tokenized of a turn's end: enough to fill any window."""
CACHED_TURNS = 512
"""Maximum number of tokenized turns that are cached: a cause request and the next turn repeat them."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one dialogue, with the position of each token in it."""

    ids: tuple[int, ...]
    """Token ids: `[CLS] turn [SEP] turn [SEP] …`, or the encoder's own names for these."""
    types: tuple[int, ...]
    """0 for the speaker's tokens, 1 for the listener's."""
    offsets: tuple[tuple[int, int, int] | None, ...]
    """For each token (turn index, start, end) in characters of the raw text; None for special tokens."""
    truncated_turns: int
    """Number of the oldest turns that did not fit, including one that was cut."""


class DialogueEncoder:
    """Encode dialogues for a BERT-like trunk, dropping the oldest turns first.

    Common emoji are read as words, traditional Chinese characters as simplified ones.

    Args:
        tokenizer: A tokenizer with the special tokens of BERT, or of MPNet and RoBERTa.
        max_tokens: The model's window, with special tokens.

    Raises:
        SetupError: The tokenizer has no such special tokens.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int = 256) -> None:
        self.tokenizer = tokenizer
        """Without truncation and padding."""
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.tokenizer.encode_special_tokens = True  # a person may write "[SEP]", which ends no turn
        self.max_tokens = max_tokens
        self.begin = _special(tokenizer, BEGIN)
        """Id of the token before a dialogue."""
        self.end = _special(tokenizer, END)
        """Id of the token after each turn."""
        self._cache: dict[str, Encoding] = {}

    def __call__(self, dialogue: Dialogue) -> Encoded:
        """Encode one dialogue."""
        return self.batch([dialogue])[0]

    def batch(self, dialogues: Sequence[Dialogue]) -> list[Encoded]:
        """Encode several dialogues; a turn that occurs in several of them, or in the call before, is tokenized once."""
        max_characters = self.max_tokens * CHARACTERS_PER_TOKEN
        tails = {turn.text[-max_characters:] for turns in dialogues for turn in turns[-self.max_tokens :]}
        known = {text: encoding for text, encoding in self._cache.copy().items() if text in tails}
        missing = list(tails - known.keys())
        known |= self._tokenize([text for text in missing if not has_emoji(text)], self.tokenizer)
        if with_emoji := [text for text in missing if has_emoji(text)]:
            known |= self._tokenize(with_emoji, self._emoji_tokenizer)
        self._cache = known if len(known) <= CACHED_TURNS else {}
        return [self._assemble(dialogue, known, max_characters) for dialogue in dialogues]

    def _tokenize(self, texts: list[str], tokenizer: Tokenizer) -> Iterable[tuple[str, Encoding]]:
        read = list(map(simplified, texts))
        return zip(texts, tokenizer.encode_batch(read, add_special_tokens=False), strict=True)

    @cached_property
    def _emoji_tokenizer(self) -> Tokenizer:
        tokenizer = with_emoji_words(self.tokenizer)
        tokenizer.encode_special_tokens = True
        return tokenizer

    def _assemble(self, dialogue: Dialogue, known: dict[str, Encoding], max_characters: int) -> Encoded:
        room = self.max_tokens - 1
        pieces: list[tuple[int, list[int], list[tuple[int, int]]]] = []
        truncated = 0
        for index in range(len(dialogue) - 1, -1, -1):
            text = dialogue[index].text
            if room < 2 or len(pieces) >= self.max_tokens:
                truncated += 1
                continue
            encoding = known[text[-max_characters:]]
            keep = len(encoding.ids) if len(encoding.ids) < room else (0 if pieces else room - 1)
            if keep == 0 and encoding.ids:
                truncated, room = truncated + 1, 0
                continue
            if keep < len(encoding.ids) or len(text) > max_characters:
                truncated += 1
            shift = max(0, len(text) - max_characters)
            first = len(encoding.ids) - keep
            offsets = [(start + shift, end + shift) for start, end in encoding.offsets[first:]]
            pieces.append((index, encoding.ids[first:], offsets))
            room -= keep + 1
        return self._join(dialogue, pieces[::-1], truncated)

    def _join(
        self, dialogue: Dialogue, pieces: list[tuple[int, list[int], list[tuple[int, int]]]], truncated: int
    ) -> Encoded:
        ids, types = [self.begin], [0]
        offsets: list[tuple[int, int, int] | None] = [None]
        for index, tokens, spans in pieces:
            token_type = int(dialogue[index].role == "listener")
            ids += [*tokens, self.end]
            types += [token_type] * (len(tokens) + 1)
            offsets += [(index, start, end) for start, end in spans]
            offsets.append(None)
        types[0] = types[1] if len(types) > 1 else 0
        return Encoded(tuple(ids), tuple(types), tuple(offsets), truncated)


def _special(tokenizer: Tokenizer, names: tuple[str, ...]) -> int:
    """Return the id of the first of several names that is in the tokenizer's vocabulary."""
    for name in names:
        if (token_id := tokenizer.token_to_id(name)) is not None:
            return int(token_id)
    raise SetupError(f"the tokenizer has none of the special tokens {', '.join(names)}; give an encoder's tokenizer")


def pad(rows: Sequence[Encoded], multiple: int = 1) -> dict[str, NDArray[np.int64]]:
    """Stack encoded dialogues into right-padded arrays of shape [batch, tokens]; padding is masked.

    Args:
        rows: Encoded dialogues.
        multiple: The width is a multiple of it: a just-in-time compiler compiles once per shape.
    """
    width = -(-max(len(row.ids) for row in rows) // multiple) * multiple
    arrays = {
        name: np.zeros((len(rows), width), dtype=np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")
    }
    for index, row in enumerate(rows):
        arrays["input_ids"][index, : len(row.ids)] = row.ids
        arrays["attention_mask"][index, : len(row.ids)] = 1
        arrays["token_type_ids"][index, : len(row.ids)] = row.types
    return arrays
