"""From a dialogue to token ids, within the model's window, with offsets into the raw text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from ...contract import SetupError
from ...contract.dialogue import Dialogue

BEGIN, END = ("[CLS]", "<s>"), ("[SEP]", "</s>")
"""Names that encoders give the token before a dialogue, and the one after each turn."""
CHARACTERS_PER_TOKEN = 8
"""A turn's tail of so many characters a token is tokenized: enough to fill any window."""

RECENT = 512
"""Turns of the last call that are kept tokenized: its causes are asked for next, and the next turn repeats them."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of one dialogue, and where each token stands in it."""

    ids: tuple[int, ...]
    """Token ids: `[CLS] turn [SEP] turn [SEP] …`, or the encoder's own names for these."""
    types: tuple[int, ...]
    """0 for the speaker's tokens, 1 for the listener's."""
    places: tuple[tuple[int, int, int] | None, ...]
    """For each token (turn index, start, end) in characters of the raw text; None for specials."""
    dropped: int
    """How many of the oldest turns did not fit, a turn cut in part included."""


class DialogueEncoder:
    """Encode dialogues for a BERT-like trunk, dropping the oldest turns first.

    Args:
        tokenizer: A tokenizer with BERT's special tokens, or MPNet's and RoBERTa's.
        max_tokens: The model's window, specials included.

    Raises:
        SetupError: The tokenizer has no such special tokens.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int = 256) -> None:
        self.tokenizer = tokenizer
        """Neither cuts nor pads."""
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.max_tokens = max_tokens
        self.begin = _special(tokenizer, BEGIN)
        """Id of the token before a dialogue."""
        self.end = _special(tokenizer, END)
        """Id of the token after each turn."""
        self._recent: dict[str, Encoding] = {}

    def __call__(self, dialogue: Dialogue) -> Encoded:
        """Encode one dialogue."""
        return self.batch([dialogue])[0]

    def batch(self, dialogues: Sequence[Dialogue]) -> list[Encoded]:
        """Encode several dialogues; a turn that occurs in many, or was said a moment ago, is tokenized once."""
        reach = self.max_tokens * CHARACTERS_PER_TOKEN
        tails = {turn.text[-reach:] for turns in dialogues for turn in turns[-self.max_tokens :]}
        known = {text: encoding for text, encoding in self._recent.copy().items() if text in tails}
        fresh = list(tails - known.keys())
        known |= zip(fresh, self.tokenizer.encode_batch(fresh, add_special_tokens=False), strict=True)
        self._recent = known if len(known) <= RECENT else {}
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
        return self._join(dialogue, pieces[::-1], dropped)

    def _join(
        self, dialogue: Dialogue, pieces: list[tuple[int, list[int], list[tuple[int, int]]]], dropped: int
    ) -> Encoded:
        ids, types = [self.begin], [0]
        places: list[tuple[int, int, int] | None] = [None]
        for index, tokens, offsets in pieces:
            kind = int(dialogue[index].role == "listener")
            ids += [*tokens, self.end]
            types += [kind] * (len(tokens) + 1)
            places += [(index, start, end) for start, end in offsets]
            places.append(None)
        types[0] = types[1] if len(types) > 1 else 0
        return Encoded(tuple(ids), tuple(types), tuple(places), dropped)


def _special(tokenizer: Tokenizer, names: tuple[str, ...]) -> int:
    """Return the id of the first of several names that a tokenizer knows."""
    for name in names:
        if (found := tokenizer.token_to_id(name)) is not None:
            return int(found)
    raise SetupError(f"the tokenizer has none of the special tokens {', '.join(names)}; give an encoder's tokenizer")


def pad(rows: Sequence[Encoded], multiple: int = 1) -> dict[str, NDArray[np.int64]]:
    """Stack encoded dialogues into right-padded arrays of shape [batch, tokens]; what pads is masked.

    Args:
        rows: Encoded dialogues.
        multiple: The width is a multiple of it: few shapes spare a just-in-time compiler.
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
