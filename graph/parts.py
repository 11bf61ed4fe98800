"""The parts that a graph is built from, and the schema of its state: resolved and validated once."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NotRequired, Protocol, Required, Self, TypeAlias, cast, get_origin, get_type_hints

from typing_extensions import TypedDict, is_typeddict

from ..contract import Dialogue, HefInput, HefOutput, HefState, PoolingWeights, Safety, SetupError
from ..contract.chat_model import ChatModel, is_hosted
from ..llm import model_name, resolve_model
from ..nodes import Assess, DangerWatch, FitRegistry, SafetyHook, resolve_fit
from ..prompts import Overrides, Prompts
from ..safety import LlmSafetyCheck
from ..safety import assess as shipped_assess
from ..sem import Sem, Taxonomy, resolve_sem


class SafetyJudge(Protocol):
    """An object that judges whether somebody is in danger; asynchronous graphs await `aassess` where it has that."""

    def assess(self, dialogue: Dialogue) -> Safety | Awaitable[Safety]:
        """Return what is found in a dialogue, whose last turn is the person's."""
        ...


class TwoPartSafetyJudge(SafetyJudge, Protocol):
    """One whose `assess` takes long, as it asks an LLM: it is called while the emotion is judged."""

    def assess_at_once(self, dialogue: Dialogue) -> Safety | None:
        """Return what is known without waiting; None where `assess` is to be asked before anything else.

        Danger is answered at once. Anything else is told to nobody before `assess` has answered.
        """
        ...


SafetyCheck: TypeAlias = Assess | SafetyJudge
SafetyChoice: TypeAlias = SafetyCheck | Literal["auto"] | None
"""A check; None for none; or `auto`, HEF's own with the graph's LLM beside it where that is a hosted one."""
SafetyHooks: TypeAlias = SafetyHook | Sequence[SafetyHook]

OWN_CHECK = "own"
"""What a setting names where HEF's own check is to look for danger alone."""
_HINT = "derive it from hef.graph.HefState: class MyState(HefState): ..."


@dataclass(frozen=True, slots=True)
class Parts:
    """Models, labels, prompts and pooling weights of a graph."""

    model: ChatModel
    """The LLM."""
    sem: Sem
    """The small empathetic model."""
    taxonomy: Taxonomy
    """The labels with neighbours and synonyms; the same labels as those of the SEM."""
    prompts: Prompts
    """The prompt templates."""
    fits: FitRegistry
    """Pooling weights of the SEM with each LLM."""
    assess: Assess | None
    """What judges whether somebody is in danger, unless `check_by_run` does; None where that is switched off."""
    check_by_run: LlmSafetyCheck | None
    """The check that asks the LLM of each run, a hosted one; `assess` is its part by the graph's own LLM then."""
    on_safety: tuple[SafetyHook, ...]
    """What is told of danger and concern."""

    @property
    def watch(self) -> DangerWatch:
        """What looks for danger in each turn."""
        return DangerWatch(self.assess, self.on_safety, self.taxonomy.labels, self.check_by_run)

    @classmethod
    def resolve(
        cls,
        *,
        model: ChatModel | str | None = None,
        sem: Sem | str | None = None,
        taxonomy: Taxonomy | None = None,
        prompts: Overrides | None = None,
        fit: PoolingWeights | Path | str | None = None,
        safety: SafetyChoice = "auto",
        on_safety: SafetyHooks | None = None,
    ) -> Self:
        """Resolve the arguments of `create_hef`.

        Raises:
            SetupError: An argument is wrong, or the weights it needs are not installed.
        """
        resolved_sem, llm = resolve_sem(sem), resolve_model(model)
        templates = Prompts(prompts)
        description = resolved_sem.description
        if taxonomy is not None and not isinstance(taxonomy, Taxonomy):
            raise SetupError(
                f"taxonomy is {taxonomy!r}; give a hef.sem.Taxonomy with the labels of SEM {description.name!r}, "
                "or leave it out"
            )
        if taxonomy is not None and set(taxonomy.labels) != set(description.taxonomy.labels):
            raise SetupError(
                f"taxonomy {taxonomy.name!r} has other labels than SEM {description.name!r} reads; "
                "give a SEM for these labels, or leave taxonomy out"
            )
        check_by_run = LlmSafetyCheck(llm) if safety == "auto" and is_hosted(llm) else None
        fits = resolve_fit(fit, sem=description.name, model=model_name(llm), labels=description.taxonomy.labels)
        return cls(
            llm,
            resolved_sem,
            taxonomy or description.taxonomy,
            templates,
            fits,
            check_by_run.assess if check_by_run else whole_safety_check(safety, llm),
            check_by_run,
            _resolve_hooks(on_safety),
        )


def named_safety_check(name: str | None) -> SafetyChoice:
    """Return the check of danger that a setting names: a model, `own` for HEF's own alone, None for `auto`."""
    if name == OWN_CHECK:
        return shipped_assess
    return LlmSafetyCheck(resolve_model(name)) if name else "auto"


def whole_safety_check(safety: SafetyChoice, model: ChatModel) -> Assess | None:
    """Return the whole check that a graph makes of a turn, for what a host answers beside the graph.

    Args:
        safety: The check, as `create_hef` takes it.
        model: The LLM of the graph.

    Raises:
        SetupError: It is no check.
    """
    if safety == "auto":
        return LlmSafetyCheck(model).assess if is_hosted(model) else shipped_assess
    return _resolve_judge(safety)


def _resolve_judge(safety: SafetyCheck | None) -> Assess | None:
    """Return the function that judges.

    Raises:
        SetupError: It is none.
    """
    if safety is None:
        return None
    assess = getattr(safety, "assess", safety)
    if isinstance(safety, type) or not callable(assess):
        given = f"the class {safety.__name__}" if isinstance(safety, type) else f"a {type(safety).__name__}"
        raise SetupError(
            f"safety is {given}; give a function from a dialogue to a hef.contract.Safety, an object "
            "with such a method `assess`, 'auto', or None to switch it off"
        )
    return cast("Assess", assess)


def _resolve_hooks(on_safety: SafetyHooks | None) -> tuple[SafetyHook, ...]:
    """Return the hooks.

    Raises:
        SetupError: One cannot be called.
    """
    if on_safety is None:
        return ()
    hooks = tuple(on_safety) if isinstance(on_safety, Sequence) else (on_safety,)
    if wrong := [hook for hook in hooks if isinstance(hook, type) or not callable(hook)]:
        given = f"the class {wrong[0].__name__}" if isinstance(wrong[0], type) else f"a {type(wrong[0]).__name__}"
        raise SetupError(f"on_safety is {given}; give a function of a hef.contract.SafetyEvent, or a list of them")
    return hooks


def check_state(schema: type[Any]) -> None:
    """Check that a state schema has what the nodes need.

    Raises:
        SetupError: It is not a TypedDict, lacks a key (the message names all), or would not keep `messages`.
    """
    hints = get_type_hints(schema, include_extras=True)
    if missing := sorted(set(get_type_hints(HefState)) - set(hints)):
        raise SetupError(f"state_schema {schema.__name__} lacks {missing}; {_HINT}")
    if not is_typeddict(schema):
        raise SetupError(f"state_schema {schema.__name__} is not a TypedDict, and the nodes read keys; {_HINT}")
    if not getattr(hints["messages"], "__metadata__", ()):
        raise SetupError(
            f"state_schema {schema.__name__} has `messages` without a reducer: the reply would replace "
            f"the conversation; leave the key out and {_HINT}"
        )


def input_output_schemas(schema: type[Any]) -> tuple[type[Any], type[Any]]:
    """Return input and output schema of a graph with this state: HEF's own narrow ones and the host's extra keys.

    An extra key that a parent has, too, is returned to it. A reducer that appends (`operator.add`)
    would then append what the parent has already; one that deduplicates, as `add_messages` does, is safe.
    """
    own_keys = get_type_hints(HefState)
    extra = {
        name: hint if get_origin(hint) in (Required, NotRequired) else NotRequired[hint]
        for name, hint in get_type_hints(schema, include_extras=True).items()
        if name not in own_keys
    }
    if not extra:
        return HefInput, HefOutput
    return _extended(HefInput, f"{schema.__name__}Input", extra), _extended(
        HefOutput, f"{schema.__name__}Output", extra
    )


def _extended(base: type[Any], name: str, extra: dict[str, Any]) -> type[Any]:
    hints = {**get_type_hints(base, include_extras=True), **extra}
    extended: type[Any] = TypedDict(name, hints)  # type: ignore[misc]
    return extended
