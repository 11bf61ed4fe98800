"""The text of a reply, piece by piece as the model writes it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .engine import Engine
from .sampling import Sampling, make_sampler

Finish: TypeAlias = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A stretch of a reply."""

    text: str
    tokens: int
    """How many tokens the reply has up to here."""
    finish: Finish | None = None
    """Why the reply ends with this piece; None when it goes on."""


def stream_text(engine: Engine, prompt: Sequence[int], settings: Sampling) -> Generator[TextDelta]:
    """Yield the reply to a prompt; the last piece, perhaps empty, says why it ended.

    Text is held back while it could still turn into a stop word or into another character.
    """
    limit = min(settings.max_tokens, engine.context_window - len(prompt))
    ids: list[int] = []
    text, sent = "", 0
    finish: Finish = "stop"
    with closing(_tokens(engine, prompt, settings)) as tokens:
        for token in tokens:
            ids.append(token)
            text = engine.decode(ids)
            if (cut := _first_stop(text, settings.stop)) is not None:
                text = text[:cut]
                break
            if len(ids) >= limit:
                finish = "length"
                break
            if (safe := len(text) - _unstable_suffix(text, settings.stop)) > sent:
                yield TextDelta(text[sent:safe], len(ids))
                sent = safe
    yield TextDelta(text[sent:], len(ids), finish)


def _tokens(engine: Engine, prompt: Sequence[int], settings: Sampling) -> Generator[int]:
    state = engine.start(prompt)
    pick = make_sampler(settings, len(prompt), engine.eos_ids)
    try:
        while True:
            token = pick(state.ids, state.logits)
            if token in engine.eos_ids:
                return
            yield token
            engine.advance(state, token)
    finally:
        engine.cache_prefix(state)


def _first_stop(text: str, stops: Sequence[str]) -> int | None:
    return min((at for stop in stops if (at := text.find(stop)) >= 0), default=None)


def _unstable_suffix(text: str, stops: Sequence[str]) -> int:
    """Count the characters at the end that a following token could change or cut."""
    broken = len(text) - len(text.rstrip("\N{REPLACEMENT CHARACTER}"))
    begun = [size for stop in stops for size in range(1, len(stop)) if text.endswith(stop[:size])]
    return max([broken, *begun])
