"""Who a run is for: the id of a person, whose memory a run uses, and which character it is with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import BeforeValidator, Field

from .errors import SetupError

if TYPE_CHECKING:
    from .context import HefContext


def as_user_id(value: object) -> str:
    """Return the id of a person as text.

    Raises:
        SetupError: It is neither a text, a whole number nor a UUID, or it is blank.
    """
    if isinstance(value, str):
        text = str.__str__(value)  # of a member of an enumeration its value, not its name
    elif isinstance(value, int | UUID) and not isinstance(value, bool):
        text = str(value)
    else:
        raise SetupError(f"user_id is a {type(value).__name__}; give a text, a whole number or a UUID, or leave it out")
    if not text.strip():
        raise SetupError("user_id is blank; give a text that names one person, or leave it out")
    return text


def read_character(value: object) -> object:
    """Return the id of a character as it is written; None, and a blank text, is none."""
    return None if isinstance(value, str) and not value.strip() else value


CharacterId: TypeAlias = Annotated[Annotated[str, Field(max_length=200)] | None, BeforeValidator(read_character)]
"""Which character a run is with: the memory is this character's alone, below that of the person."""


def user_of_run(context: HefContext, configurable: Mapping[str, Any]) -> str | None:
    """Return whose memory a run uses, None for nobody's.

    Args:
        context: The settings of the run; where they state a `user_id`, be it None, no other source is asked.
        configurable: The `configurable` of the run's config, which may hold a `user_id`. A LangGraph server with
            authentication puts there who its client is (`langgraph_auth_user`, `langgraph_auth_user_id`): the memory
            is that person's or, where the settings state None, nobody's.

    Raises:
        SetupError: The id is none, see `as_user_id`, or another than that of the authenticated person.
    """
    stated = "user_id" in context.model_fields_set
    named = context.user_id if stated else configurable.get("user_id")
    # A server without authentication puts None and a blank id there, and a blank `user_id` where a client names none.
    account, authenticated = configurable.get("langgraph_auth_user"), configurable.get("langgraph_auth_user_id")
    is_left_out = named is None or (not stated and named == authenticated == "")
    user = None if is_left_out else as_user_id(named)
    if account is None and not authenticated:
        return user
    identity = as_user_id(authenticated if account is None else _identity(account))
    if user not in (None, identity):
        raise SetupError(
            "the run names another user_id than that of the person whom the server authenticated; leave user_id out, "
            "the memory is theirs"
        )
    return None if stated and user is None else identity


def _identity(account: object) -> object:
    return account.get("identity") if isinstance(account, Mapping) else getattr(account, "identity", None)
