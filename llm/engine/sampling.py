"""How the next token is chosen, and where a reply ends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ...contract import SetupError
from .backend import Array

_OTHER_NAMES: Final = {
    "max_new_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "stop_sequences": "stop",
}
_ABOUT_THE_CALL: Final = {"stream", "stream_usage", "ls_structured_output_format"}
_Text: TypeAlias = Annotated[str, Field(min_length=1)]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Sampling(BaseModel):
    """The settings of one reply."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(0.0, ge=0, description="0 takes the most probable token each time")
    top_p: float | None = Field(None, gt=0, le=1, description="Choose among tokens that cover this probability")
    top_k: int | None = Field(None, ge=0, description="Choose among so many tokens; 0 for all")
    repetition_penalty: float | None = Field(None, gt=0, description="Above 1 makes tokens already seen rarer")
    seed: int | None = Field(None, description="Makes sampling repeatable")
    max_tokens: int = Field(256, ge=1, description="Longest reply")
    min_tokens: int = Field(0, ge=0, description="Shortest reply; only a stop word ends it before")
    stop: Annotated[tuple[_Text, ...], BeforeValidator(_as_tuple)] = Field((), description="Texts that end the reply")


def sampling(*layers: Mapping[str, Any]) -> Sampling:
    """Join layers of settings, of which a later one wins; None leaves a setting as it was.

    Names of transformers are understood as well: `max_new_tokens`, `do_sample=False`, and settings
    bound as `pipeline_kwargs`.

    Raises:
        SetupError: A setting is unknown or out of its range.
    """
    joined: dict[str, Any] = {}
    for layer in layers:
        joined |= _named(layer)
    try:
        return Sampling.model_validate(joined)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise SetupError(
            f"the setting {name}={first['input']!r} cannot be used: {first['msg']}; "
            f"known are {', '.join(Sampling.model_fields)}"
        ) from error


def _named(layer: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {**layer, **(layer.get("pipeline_kwargs") or {})}
    flat.pop("pipeline_kwargs", None)
    if flat.pop("do_sample", None) is False:
        flat["temperature"] = 0.0
    known = {name: held for name, held in flat.items() if name not in _ABOUT_THE_CALL and held is not None}
    return {_OTHER_NAMES.get(name, name): held for name, held in known.items()}


def make_sampler(
    settings: Sampling, prompt: int = 0, ends: Collection[int] = ()
) -> Callable[[Sequence[int], Array], int]:
    """Return a function that takes the tokens so far and the next one's logits, and chooses.

    Args:
        settings: How it chooses.
        prompt: How many of the tokens are the prompt's.
        ends: The tokens that end a reply, which a reply of `min_tokens` must not do too early.
    """
    draws = np.random.default_rng(settings.seed)

    def pick(ids: Sequence[int], logits: Array) -> int:
        early = len(ids) - prompt < (settings.min_tokens or 0)
        scores = process_logits(settings, ids, logits, ends if early else ())
        if not settings.temperature:
            return int(scores.argmax())
        shares = np.exp(scores - scores.max()).cumsum()
        return int(shares.searchsorted(draws.random() * shares[-1], side="right"))

    return pick


def process_logits(
    settings: Sampling, ids: Sequence[int], logits: Array, barred: Collection[int] = ()
) -> NDArray[np.float64]:
    """Return the logits as the settings change them, -inf for a token that may not come.

    The same as transformers' logits processors, in the same order.
    """
    scores = logits.astype(np.float64)
    if (penalty := settings.repetition_penalty) and ids:
        seen = np.unique(ids)
        held = scores[seen]
        scores[seen] = np.where(held < 0, held * penalty, held / penalty)
    if barred:
        scores[sorted(barred)] = -np.inf
    if settings.temperature:
        scores /= settings.temperature
        if settings.top_k:
            scores = _top_k(scores, settings.top_k)
        if settings.top_p:
            scores = _top_p(scores, settings.top_p)
    return scores


def _top_k(scores: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    count = min(count, len(scores))
    least = np.partition(scores, -count)[-count]
    return np.where(scores < least, -np.inf, scores)


def _top_p(scores: NDArray[np.float64], mass: float) -> NDArray[np.float64]:
    """Leave the most probable tokens that cover the mass, one at least."""
    order = scores.argsort(kind="stable")
    shares = np.exp(scores[order] - scores.max())
    beyond = order[shares.cumsum() / shares.sum() <= 1 - mass]
    scores = scores.copy()
    scores[beyond[beyond != order[-1]]] = -np.inf
    return scores
