"""The state schema of a host: its required keys, and the input and output schemas derived from it."""

from __future__ import annotations

from typing import Any, NotRequired, Required, get_origin, get_type_hints

from typing_extensions import TypedDict, is_typeddict

from ..contract import HefInput, HefOutput, HefState, SetupError

_HINT = "derive it from hef.graph.HefState: class MyState(HefState): ..."


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
