"""The text of a reply, in pieces, as the model generates it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .engine import Engine
from .sampling import Sampling, make_sampler

FinishReason: TypeAlias = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of a reply."""

    text: str
    tokens: int
    """Number of tokens of the reply up to here."""
    finish: FinishReason | None = None
    """Why the reply ends with this piece; None before the last piece."""


def stream_text(engine: Engine, prompt: Sequence[int], settings: Sampling) -> Generator[TextDelta]:
    """Yield the reply to a prompt; the last piece, perhaps empty, names the reason of its end.

    Text is withheld while it could still become a stop word or another character.
    """
    limit = min(settings.max_tokens, engine.context_window - len(prompt))
    ids: list[int] = []
    text, sent = "", 0
    finish: FinishReason = "stop"
    with closing(_generate_tokens(engine, prompt, settings)) as tokens:
        for token in tokens:
            ids.append(token)
            text = engine.decode(ids)
            if (end := _first_stop(text, settings.stop)) is not None:
                text = text[:end]
                break
            if len(ids) >= limit:
                finish = "length"
                break
            if (stable := len(text) - _unstable_suffix(text, settings.stop)) > sent:
                yield TextDelta(text[sent:stable], len(ids))
                sent = stable
    yield TextDelta(text[sent:], len(ids), finish)


def _generate_tokens(engine: Engine, prompt: Sequence[int], settings: Sampling) -> Generator[int]:
    state = engine.start(prompt)
    sample = make_sampler(settings, len(prompt), engine.eos_ids)
    try:
        while True:
            token = sample(state.ids, state.logits)
            if token in engine.eos_ids:
                return
            yield token
            engine.advance(state, token)
    finally:
        engine.cache_prefix(state)


def _first_stop(text: str, stops: Sequence[str]) -> int | None:
    return min((index for stop in stops if (index := text.find(stop)) >= 0), default=None)


def _unstable_suffix(text: str, stops: Sequence[str]) -> int:
    """Return the number of characters at the end that a following token could change or cut off."""
    incomplete = len(text) - len(text.rstrip("\N{REPLACEMENT CHARACTER}"))
    partial_stops = [size for stop in stops for size in range(1, len(stop)) if text.endswith(stop[:size])]
    return max([incomplete, *partial_stops])
