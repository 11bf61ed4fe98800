"""The page of texts that answer somebody in danger: its sections, and what each of them must have.

A page is Markdown of one language. A heading `# suicide` begins the text for a kind of danger, `# suicide again` one
for a later turn in which the danger is still there, `# after_danger` one for the turns after it (there may be several),
and `# concern` the line that follows an ordinary reply, `# concern medical` that of one kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Template
from typing import Annotated, TypeAlias, get_args

from pydantic import AfterValidator

from ..errors import SetupError
from ..safety import SafetyKind

DangerTexts: TypeAlias = Mapping[str, tuple[str, ...]]
"""Heading -> its texts, in the order of the page."""

PLACEHOLDERS = frozenset({"help", "emergency"})
"""`$help`: who answers in the person's region, a line each; `$emergency`: the number for an emergency there."""
KINDS: tuple[str, ...] = tuple(kind for kind in get_args(SafetyKind) if kind)
AGAIN, AFTER, CONCERN = " again", "after_danger", "concern"
HEADINGS = frozenset(
    [*KINDS, *(f"{kind}{AGAIN}" for kind in KINDS), AFTER, CONCERN, *(f"{CONCERN} {kind}" for kind in KINDS)]
)
_HEADING = re.compile(r"^#[ \t]+(\S[^\n]*)$", re.MULTILINE)
_CONTACT = re.compile(
    r"\d[\u2010-\u2013 ./()-]{0,3}\d[\u2010-\u2013 ./()-]{0,3}\d"
    r"|https?://\w|\bwww\.\w|\w\.(?:com|org|net|info|gov|cn|de|uk)\b",
    re.IGNORECASE,
)
"""A number to call, or the address of a page."""


def parse_danger_texts(text: str) -> DangerTexts:
    """Return the texts of a page by heading.

    What stands before the first heading, or a page without any, is the text for every kind that has none of its own.

    Raises:
        SetupError: A heading is unknown, a text is empty, names an unknown placeholder, or has no contact.
    """
    head, *parts = _HEADING.split(text.strip(" \t\r\n\ufeff"))
    texts: dict[str, tuple[str, ...]] = {}
    for heading, body in zip(parts[::2], parts[1::2], strict=True):
        for name in _names(heading):
            texts[name] = (*texts.get(name, ()), _checked(name, body))
    if head.strip() or not parts:
        general = _checked("danger", head)
        texts = {kind: (general,) for kind in KINDS} | texts
    return texts


def _check_page(text: str) -> str:
    if text.strip():
        parse_danger_texts(text)
    return text


DangerPage: TypeAlias = Annotated[str, AfterValidator(_check_page)]
"""A page in the settings of a run; a blank one is the graph's own."""


def _names(heading: str) -> list[str]:
    """Return the names of a heading, which may be several with commas between: `# suicide, self_harm again`."""
    line = " ".join(heading.split())
    again = AGAIN if line.endswith(AGAIN) else ""
    names = [f"{name.strip()}{again}" for name in line.removesuffix(AGAIN).split(",")]
    if unknown := [name for name in names if name not in HEADINGS]:
        raise SetupError(
            f"a text for danger stands under the heading {unknown[0]!r}; there are {', '.join(KINDS)}, each also "
            f"with `again` or after `{CONCERN} `, {AFTER} and {CONCERN}"
        )
    return names


def _checked(heading: str, body: str) -> str:
    template = Template(body.strip())
    if not template.template:
        raise SetupError(
            f"the text for {heading!r} is empty; write it, or leave its heading out to use the shipped one"
        )
    placeholders = set(template.get_identifiers()) if template.is_valid() else {""}
    if not placeholders <= PLACEHOLDERS:
        raise SetupError(
            f"the text for {heading!r} may only name the placeholders {sorted(PLACEHOLDERS)}; write $$ for a dollar"
        )
    if not placeholders and not _CONTACT.search(template.template):
        raise SetupError(
            f"the text for {heading!r} names nobody to call; write $help or $emergency, which become the contacts of "
            "the person's region, or a number of your own"
        )
    return template.template
