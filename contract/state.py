"""The state of the graph, which its nodes read and write, and its channels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from math import inf, isnan
from typing import Annotated, Any, NotRequired, Self

from langchain_core.messages import AnyMessage
from langgraph.channels import LastValue
from langgraph.graph.message import add_messages
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from .empathy import Empathy, Memory, Reading, Verdict
from .errors import SetupError
from .safety import Safety


def merge_faults(current: dict[str, str] | None, update: dict[str, str] | None) -> dict[str, str]:
    """Keep one entry per node, the newest; an empty text means that the node worked."""
    return {**(current or {}), **(update or {})}


def merge_explanations(current: dict[str, str] | None, update: dict[str, str] | None) -> dict[str, str]:
    """Keep one entry per node, the newest; a node whose text is empty found nothing and is left out."""
    return {node: text for node, text in merge_faults(current, update).items() if text}


@lru_cache(maxsize=64)
def _adapter(typ: Any) -> TypeAdapter[Any]:
    """Return the adapter of a channel's type; making one takes longer than what it then does with a value."""
    return TypeAdapter(typ)


class JsonValue(LastValue[Any]):
    """A channel with the last value of a Pydantic type, stored as JSON values in checkpoints.

    LangGraph's serializer warns about types it does not know and will block them one day; JSON values
    load back under every checkpointer and every setting.
    """

    def update(self, values: Sequence[Any]) -> bool:
        """Take a value of the type, or its JSON values, which a fork or an interrupted turn gives.

        Writes of a node are stored beside the checkpoint until the next one; the serializer may return them as a dict.

        Raises:
            ValidationError: It is neither.
        """
        return super().update([_adapter(self.typ).validate_python(value) for value in values])

    def checkpoint(self) -> Any:
        """Return the value as dicts, lists, texts and numbers."""
        value = super().checkpoint()
        return _adapter(self.typ).dump_python(value, mode="json") if self.is_available() else value

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """Return the channel with the value read back."""
        channel = self.__class__(self.typ, self.key)
        if checkpoint is not channel.value:  # which marks an empty channel
            channel.value = _adapter(self.typ).validate_python(checkpoint)
        return channel


class LabelledValue(JsonValue):
    """A channel with a value whose emotions are labels of the graph's SEM, and whose distributions name all of them.

    Nodes write nothing else; a fork or an edit by a person may. A thread that a graph with another SEM began is read.

    Args:
        typ: Type of the value.
        key: Name of the channel.
        labels: The labels.
    """

    def __init__(self, typ: Any, key: str = "", labels: Collection[str] = ()) -> None:
        super().__init__(typ, key)
        self._labels = labels

    def update(self, values: Sequence[Any]) -> bool:
        """Take a value as `JsonValue` does.

        Raises:
            SetupError: An emotion that it names is none of the labels, or a distribution is none over them.
        """
        parsed = [_adapter(self.typ).validate_python(value) for value in values]
        for value in parsed:
            for part in value if isinstance(value, list) else [value]:
                self._check(part)
        return super().update(parsed)

    def _check(self, part: Empathy | Verdict | Reading) -> None:
        """Check the emotions that a decision, a judgement or a reading names."""
        for label in _named_emotions(part):
            if label not in self._labels:
                raise SetupError(f"`{self.key}` names the emotion {label!r}; the SEM knows {', '.join(self._labels)}")
        for name, numbers in _numbers_by_label(part).items():
            self._check_numbers(name, numbers)

    def _check_numbers(self, name: str, numbers: Mapping[str, float]) -> None:
        """Check that there is a number for each label, and that probabilities are some."""
        if missing := [label for label in self._labels if label not in numbers]:
            raise SetupError(
                f"{name} of `{self.key}` has no number for {', '.join(missing)}; give one for each emotion"
            )
        is_valid = not any(map(isnan, numbers.values()))
        if name != "scores":
            is_valid = is_valid and min(numbers.values()) >= 0 and 0 < sum(numbers.values()) < inf
        if not is_valid:
            expected = "probabilities from 0 to 1" + " that sum to 1" * (name == "distribution")
            raise SetupError(f"{name} of `{self.key}` is not a distribution; give {expected}")

    def copy(self) -> Self:
        """Return a copy of the channel."""
        return self._with_labels(super().copy())

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """Return the channel with the value read back."""
        return self._with_labels(super().from_checkpoint(checkpoint))

    def _with_labels(self, channel: Self) -> Self:
        channel._labels = self._labels
        return channel


def _named_emotions(part: Empathy | Verdict | Reading) -> list[str]:
    """Return all emotions that a decision, a judgement or a reading names."""
    match part:
        case Empathy():
            named = [part.emotion, part.hypothesis, *part.primary]
        case Verdict():
            named = [part.emotion, part.answer]
        case Reading():
            named = [part.evidence.hypothesis if part.evidence else None, *part.primary]
    numbered = [label for numbers in _numbers_by_label(part).values() for label in numbers]
    return [label for label in [*named, *numbered] if label is not None]


def _numbers_by_label(part: Empathy | Verdict | Reading) -> dict[str, dict[str, float]]:
    """Return the fields of a decision, a judgement or a reading that hold a number per label."""
    if not isinstance(part, Verdict):
        return {"distribution": part.distribution}
    fields = {"scores": part.scores, "likelihoods": part.likelihoods}
    return {name: numbers for name, numbers in fields.items() if numbers is not None}


class HefInput(TypedDict):
    """What a caller gives."""

    messages: Annotated[list[AnyMessage], add_messages]
    """The conversation; the person's messages are `human`, the assistant's `ai`."""


class HefOutput(TypedDict):
    """What a caller gets."""

    messages: Annotated[list[AnyMessage], add_messages]
    """The conversation with the reply at its end."""
    empathy: NotRequired[Annotated[Empathy, JsonValue]]
    """What was understood, which the reply was drafted from; a parent's input does not have it."""


class HefState(HefInput, total=False):
    """All that nodes share; everything but `messages` and `empathy` stays inside the graph."""

    safety: Annotated[Safety, JsonValue]
    """Whether somebody is in danger, from the person's last turn in its context."""
    safety_pending: bool
    """Whether an LLM has still to look for danger in this turn; `safety` is then what was seen before."""
    explanations: Annotated[dict[str, str], merge_explanations]
    """Node -> what it found in this turn, in one line."""
    readings: Annotated[list[Reading], JsonValue]
    """One reading per round of this turn."""
    verdict: Annotated[Verdict, JsonValue]
    """The LLM's newest judgement; of this run only if its `turn` is the key of this run."""
    memories: Annotated[list[Memory], JsonValue]
    """Past turns that bear on what the person said since the last reply."""
    empathy: Annotated[Empathy, JsonValue]
    """The decision."""
    faults: Annotated[dict[str, str], merge_faults]
    """Node -> why it left something out in this turn."""


_BETWEEN = "; "
LONG_DIALOGUE = "the dialogue is longer than"
"""How the faults of `sem_emotion` and `draft_response` begin that come again with each turn of a long dialogue."""


def summarise_faults(faults: Mapping[str, str] | None) -> str | None:
    """Return all faults of the turn in one text, None when there is none."""
    return _BETWEEN.join(dict.fromkeys(text for text in (faults or {}).values() if text)) or None


def split_long(degraded: str | None) -> tuple[str, bool]:
    """Return the faults of a turn but those of a long dialogue, and whether there was one of these."""
    faults = (degraded or "").split(_BETWEEN)
    others = [fault for fault in faults if not fault.startswith(LONG_DIALOGUE)]
    return _BETWEEN.join(others), len(others) < len(faults)


def degraded_empathy(state: HefState, node: str, fault: str) -> Empathy:
    """Return what was understood, degraded by the faults of the turn so far and by that of a node."""
    faults = merge_faults(state.get("faults"), {node: fault})
    return state["empathy"].model_copy(update={"degraded": summarise_faults(faults)})
