"""How the next token is chosen, and where a reply ends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..contract import SetupError

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


def picker(settings: Sampling, prompt: int = 0, ends: Collection[int] = ()) -> Callable[[Sequence[int], Any], int]:
    """Return a function that takes the tokens so far and the next one's logits, and chooses.

    Args:
        settings: How it chooses.
        prompt: How many of the tokens are the prompt's.
        ends: The tokens that end a reply, which a reply of `min_tokens` must not do too early.
    """
    import torch

    adjust = _processors(settings, prompt, ends)
    draws = torch.Generator()
    draws.seed() if settings.seed is None else draws.manual_seed(settings.seed)

    def pick(ids: Sequence[int], logits: Any) -> int:
        scores = adjust(torch.tensor([list(ids)]), logits.cpu()[None])
        if not settings.temperature:
            return int(scores.argmax())
        return int(torch.multinomial(scores.softmax(-1), 1, generator=draws))

    return pick


def _processors(settings: Sampling, prompt: int, ends: Collection[int]) -> Any:
    from transformers import (
        LogitsProcessorList,
        MinNewTokensLengthLogitsProcessor,
        RepetitionPenaltyLogitsProcessor,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    chosen = LogitsProcessorList()
    if settings.repetition_penalty:
        chosen.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
    if settings.min_tokens and ends:
        chosen.append(MinNewTokensLengthLogitsProcessor(prompt, settings.min_tokens, sorted(ends)))
    if settings.temperature:
        chosen.append(TemperatureLogitsWarper(float(settings.temperature)))
        if settings.top_k:
            chosen.append(TopKLogitsWarper(settings.top_k))
        if settings.top_p:
            chosen.append(TopPLogitsWarper(settings.top_p))
    return chosen
