"""Sampling: the settings of a reply, and the choice of its next token from logits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ...contract import SetupError
from .backend import Array

_ALIASES: Final = {
    "max_new_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "stop_sequences": "stop",
}
_CALL_OPTIONS: Final = {"stream", "stream_usage", "ls_structured_output_format"}
_Text: TypeAlias = Annotated[str, Field(min_length=1)]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Sampling(BaseModel):
    """The sampling settings of one reply."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(0.0, ge=0, description="0 always chooses the most probable token")
    top_p: float | None = Field(
        None, ge=0, le=1, description="Choose among the most probable tokens that cover this probability, at least one"
    )
    top_k: int | None = Field(None, ge=0, description="Choose among this many tokens; 0 for all")
    repetition_penalty: float | None = Field(None, gt=0, description="Above 1 makes earlier tokens less probable")
    presence_penalty: float | None = Field(
        None, ge=-2, le=2, description="Subtracted from the logit of each token that the reply holds"
    )
    frequency_penalty: float | None = Field(None, ge=-2, le=2, description="The same for each time that it does")
    seed: int | None = Field(None, description="Makes sampling repeatable")
    max_tokens: int = Field(256, ge=1, description="Largest number of tokens of a reply")
    min_tokens: int = Field(
        0, ge=0, description="Smallest number of tokens of a reply; only a stop word ends it earlier"
    )
    stop: Annotated[tuple[_Text, ...], BeforeValidator(_as_tuple)] = Field((), description="Texts that end the reply")


def sampling(*layers: Mapping[str, Any]) -> Sampling:
    """Merge layers of settings, of which a later one wins; None leaves a setting unchanged.

    Names of transformers are accepted as well: `max_new_tokens`, `do_sample=False`, and settings
    bound as `pipeline_kwargs`.

    Raises:
        SetupError: A setting is unknown or out of range.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        merged |= _with_standard_names(layer)
    try:
        return Sampling.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise SetupError(
            f"the setting {name}={first['input']!r} cannot be used: {first['msg']}; "
            f"known settings are {', '.join(Sampling.model_fields)}"
        ) from error


def _with_standard_names(layer: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {**layer, **(layer.get("pipeline_kwargs") or {})}
    flat.pop("pipeline_kwargs", None)
    if flat.pop("do_sample", None) is False:
        flat["temperature"] = 0.0
    return {
        _ALIASES.get(name, name): value
        for name, value in flat.items()
        if name not in _CALL_OPTIONS and value is not None
    }


def make_sampler(
    settings: Sampling, prompt_length: int = 0, eos_ids: Collection[int] = ()
) -> Callable[[Sequence[int], Array], int]:
    """Return a function from the tokens so far and the logits of the next one to that token.

    Args:
        settings: The sampling settings.
        prompt_length: Number of tokens that belong to the prompt.
        eos_ids: The tokens that end a reply; they are forbidden before `min_tokens`.
    """
    rng = np.random.default_rng(settings.seed)

    def sample(ids: Sequence[int], logits: Array) -> int:
        too_short = len(ids) - prompt_length < (settings.min_tokens or 0)
        scores = process_logits(settings, ids, logits, eos_ids if too_short else (), prompt_length)
        if not settings.temperature:
            return int(scores.argmax())
        cumulative = np.exp(scores - scores.max()).cumsum()
        return int(cumulative.searchsorted(rng.random() * cumulative[-1], side="right"))

    return sample


def process_logits(
    settings: Sampling, ids: Sequence[int], logits: Array, forbidden: Collection[int] = (), prompt_length: int = 0
) -> NDArray[np.float64]:
    """Return the logits after the settings were applied; a forbidden token has -inf.

    Does the same as transformers' logits processors, in the same order. Penalties of presence and frequency, which
    these lack, are those of OpenAI's interface: they count the tokens of the reply, not those of the prompt.
    """
    scores = logits.astype(np.float64)
    if (penalty := settings.repetition_penalty) and ids:
        seen = np.unique(ids)
        penalised = scores[seen]
        scores[seen] = np.where(penalised < 0, penalised * penalty, penalised / penalty)
    if (settings.presence_penalty or settings.frequency_penalty) and len(ids) > prompt_length:
        written, counts = np.unique(ids[prompt_length:], return_counts=True)
        scores[written] -= (settings.presence_penalty or 0.0) + (settings.frequency_penalty or 0.0) * counts
    if forbidden:
        scores[sorted(forbidden)] = -np.inf
    if settings.temperature:
        scores /= settings.temperature
        if settings.top_k:
            scores = _top_k(scores, settings.top_k)
        if settings.top_p is not None:
            scores = _top_p(scores, settings.top_p)
    return scores


def _top_k(scores: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    count = min(count, len(scores))
    threshold = np.partition(scores, -count)[-count]
    return np.where(scores < threshold, -np.inf, scores)


def _top_p(scores: NDArray[np.float64], mass: float) -> NDArray[np.float64]:
    """Keep the most probable tokens that cover the mass, at least one."""
    order = scores.argsort(kind="stable")
    weights = np.exp(scores[order] - scores.max())
    tail = order[weights.cumsum() / weights.sum() <= 1 - mass]
    scores = scores.copy()
    scores[tail[tail != order[-1]]] = -np.inf
    return scores
