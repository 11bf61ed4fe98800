"""The state schema that a host brings: what it must hold, and what of it enters and leaves the graph."""

from __future__ import annotations

from typing import Any, NotRequired, Required, get_origin, get_type_hints

from typing_extensions import TypedDict, is_typeddict

from ..contract import HefInput, HefOutput, HefState, SetupError

_HINT = "derive it from hef.graph.HefState: class MyState(HefState): ..."


def check_state(schema: type[Any]) -> None:
    """Hold a state schema to what the nodes need.

    Raises:
        SetupError: It is no TypedDict, lacks a key (the message names all), or would not keep `messages`.
    """
    hints = get_type_hints(schema, include_extras=True)
    if missing := sorted(set(get_type_hints(HefState)) - set(hints)):
        raise SetupError(f"state_schema {schema.__name__} lacks {missing}; {_HINT}")
    if not is_typeddict(schema):
        raise SetupError(f"state_schema {schema.__name__} is no TypedDict, and the nodes read keys; {_HINT}")
    if not getattr(hints["messages"], "__metadata__", ()):
        raise SetupError(
            f"state_schema {schema.__name__} has `messages` without a reducer: the reply would replace "
            f"the conversation; leave the key out and {_HINT}"
        )


def input_output_schemas(schema: type[Any]) -> tuple[type[Any], type[Any]]:
    """Return what enters and what leaves a graph of this state: HEF's own narrow schemas and the host's extra keys.

    An extra key that a parent holds, too, is given back to it. A reducer that appends (`operator.add`)
    would then append what the parent has already; one that knows it, as `add_messages` does, is safe.
    """
    own = get_type_hints(HefState)
    extra = {
        name: hint if get_origin(hint) in (Required, NotRequired) else NotRequired[hint]
        for name, hint in get_type_hints(schema, include_extras=True).items()
        if name not in own
    }
    if not extra:
        return HefInput, HefOutput
    return _with(HefInput, "Input", schema, extra), _with(HefOutput, "Output", schema, extra)


def _with(base: type[Any], part: str, schema: type[Any], extra: dict[str, Any]) -> type[Any]:
    held = {**get_type_hints(base, include_extras=True), **extra}
    made: type[Any] = TypedDict(f"{schema.__name__}{part}", held)  # type: ignore[misc]
    return made
