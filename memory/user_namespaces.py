"""From a user's id to the namespace of their turns, and back."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from ..contract import SetupError

_LONGEST = 200


def user_namespace(user_id: str) -> tuple[str, ...]:
    """Return the namespace of a user's turns: `("hef", "turns", <label>)`.

    Any text is an id: namespace labels may hold neither dots nor NUL, so what is not a letter, a digit, `-`,
    `_` or `~` is percent-encoded, and an id that becomes too long for a label is hashed. No two ids share a
    label; the id itself stands in each stored turn.

    Raises:
        SetupError: If the id is empty or no text.
    """
    if not isinstance(user_id, str) or not user_id:
        raise SetupError(f"The user id is {user_id!r}; give a text that names one person.")
    label = quote(user_id, safe="", errors="surrogatepass").replace(".", "%2E")
    if len(label) > _LONGEST:
        # Percent-encoding never writes `%sha`, so no other id has this label.
        label = f"%sha256-{hashlib.sha256(label.encode()).hexdigest()}"
    return ("hef", "turns", label)
