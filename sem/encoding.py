"""From a dialogue to token ids, within the model's window, with offsets into the raw text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from ..contract.dialogue import Dialogue

CLS, SEP, PAD = 101, 102, 0
CHARACTERS_PER_TOKEN = 8
"""A turn's tail of so many characters a token is tokenized: enough to fill any window."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one dialogue, and where each token stands in it."""

    ids: tuple[int, ...]
    """WordPiece ids: `[CLS] turn [SEP] turn [SEP] …`."""
    types: tuple[int, ...]
    """0 for the speaker's tokens, 1 for the listener's."""
    places: tuple[tuple[int, int, int] | None, ...]
    """For each token (turn index, start, end) in characters of the raw text; None for specials."""
    dropped: int
    """How many of the oldest turns did not fit, a turn cut in part included."""


class DialogueEncoder:
    """Encode dialogues for a BERT-like trunk, dropping the oldest turns first.

    Args:
        tokenizer: A WordPiece tokenizer with BERT's special ids.
        max_tokens: The model's window, specials included.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int = 256) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.max_tokens = max_tokens

    def __call__(self, dialogue: Dialogue) -> Encoded:
        """Encode one dialogue."""
        return self.batch([dialogue])[0]

    def batch(self, dialogues: Sequence[Dialogue]) -> list[Encoded]:
        """Encode several dialogues; a turn that occurs in many is tokenized once."""
        reach = self.max_tokens * CHARACTERS_PER_TOKEN
        tails = list(dict.fromkeys(turn.text[-reach:] for turns in dialogues for turn in turns[-self.max_tokens :]))
        encodings = self._tokenizer.encode_batch(tails, add_special_tokens=False)
        known = dict(zip(tails, encodings, strict=True))
        return [self._assemble(dialogue, known, reach) for dialogue in dialogues]

    def _assemble(self, dialogue: Dialogue, known: dict[str, Encoding], reach: int) -> Encoded:
        room = self.max_tokens - 1
        pieces: list[tuple[int, list[int], list[tuple[int, int]]]] = []
        dropped = 0
        for index in range(len(dialogue) - 1, -1, -1):
            text = dialogue[index].text
            if room < 2 or len(pieces) >= self.max_tokens:
                dropped += 1
                continue
            encoding = known[text[-reach:]]
            keep = len(encoding.ids) if len(encoding.ids) < room else (0 if pieces else room - 1)
            if keep == 0 and encoding.ids:
                dropped, room = dropped + 1, 0
                continue
            if keep < len(encoding.ids) or len(text) > reach:
                dropped += 1
            shift = max(0, len(text) - reach)
            first = len(encoding.ids) - keep
            offsets = [(start + shift, end + shift) for start, end in encoding.offsets[first:]]
            pieces.append((index, encoding.ids[first:], offsets))
            room -= keep + 1
        return _join(dialogue, pieces[::-1], dropped)


def _join(dialogue: Dialogue, pieces: list[tuple[int, list[int], list[tuple[int, int]]]], dropped: int) -> Encoded:
    ids, types = [CLS], [0]
    places: list[tuple[int, int, int] | None] = [None]
    for index, tokens, offsets in pieces:
        kind = int(dialogue[index].role == "listener")
        ids += [*tokens, SEP]
        types += [kind] * (len(tokens) + 1)
        places += [(index, start, end) for start, end in offsets]
        places.append(None)
    types[0] = types[1] if len(types) > 1 else 0
    return Encoded(tuple(ids), tuple(types), tuple(places), dropped)


def pad(rows: Sequence[Encoded]) -> dict[str, NDArray[np.int64]]:
    """Stack encoded dialogues into right-padded arrays of shape [batch, tokens]."""
    width = max(len(row.ids) for row in rows)
    arrays = {
        name: np.zeros((len(rows), width), dtype=np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")
    }
    for index, row in enumerate(rows):
        arrays["input_ids"][index, : len(row.ids)] = row.ids
        arrays["attention_mask"][index, : len(row.ids)] = 1
        arrays["token_type_ids"][index, : len(row.ids)] = row.types
    return arrays
