"""What is said to somebody in danger, and the line after a reply to somebody who may be: texts, never a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from string import Template

from ...contract.chinese.traditional import traditional
from ...contract.safety import Safety
from ...contract.settings.danger_texts import AFTER, AGAIN, CONCERN
from ...prompts import Prompts, fill
from .contacts import contact_lines, emergency_numbers

_GAP = re.compile(r"\n{3,}")
"""What is left where a text has no line for a region."""


def crisis_text(
    safety: Safety, region: str | None = None, *, prompts: Prompts | None = None, earlier: Sequence[str] = ()
) -> str:
    """Return the reply to somebody in danger, in the language of their turn.

    Args:
        safety: What was found.
        region: Two letters of the person's country; None gives the international directory.
        prompts: The templates; by default the shipped ones.
        earlier: What was answered before in this conversation, oldest first: no text of these is said again, unless
            all were, and then the one that was said longest ago.
    """
    texts = (prompts or _shipped()).danger_texts(safety.language)
    kind = safety.kind or "suicide"
    return _longest_unsaid((*texts[kind], *texts[f"{kind}{AGAIN}"]), safety, region, earlier)


def after_danger_text(
    safety: Safety, region: str | None = None, *, prompts: Prompts | None = None, earlier: Sequence[str] = ()
) -> str:
    """Return the reply to a turn after one in danger, for an LLM that cannot be told of it.

    Args:
        safety: What was found in the turn in danger; its language is that of the text.
        region: As in `crisis_text`.
        prompts: As in `crisis_text`.
        earlier: As in `crisis_text`.
    """
    texts = (prompts or _shipped()).danger_texts(safety.language)
    return _longest_unsaid(texts[AFTER], safety, region, earlier)


def help_line(safety: Safety, region: str | None = None, *, prompts: Prompts | None = None) -> str:
    """Return the line that follows the reply where somebody may be at risk; empty where nobody is.

    Args:
        safety: What was found.
        region: As in `crisis_text`.
        prompts: As in `crisis_text`.
    """
    if safety.level != "concern":
        return ""
    texts = (prompts or _shipped()).danger_texts(safety.language)
    heading = f"{CONCERN} {safety.kind}"
    kind = safety.kind or "suicide"
    emergency = emergency_numbers(kind, region, safety.language)
    lines = contact_lines(kind, region, safety.language)
    # Whether a child or a grown-up is hurt is not known, so that both lines are named.
    shown = lines if safety.kind == "abuse" else lines[:1]
    contact = ("; " if safety.language == "en" else "；").join(shown) or emergency
    line = " ".join(fill(texts.get(heading, texts[CONCERN])[0], {"help": contact, "emergency": emergency}).split())
    return _as_written(line, safety, region)


def contact_text(safety: Safety, region: str | None = None) -> str:
    """Return whom somebody in danger can call, in one line, the emergency number last.

    Args:
        safety: What was found.
        region: As in `crisis_text`.
    """
    kind, language = safety.kind or "suicide", safety.language
    parts = [*contact_lines(kind, region, language), emergency_numbers(kind, region, language)]
    return _as_written(("; " if language == "en" else "；").join(parts), safety, region)


def _longest_unsaid(texts: Sequence[str], safety: Safety, region: str | None, earlier: Sequence[str]) -> str:
    """Return the first text that was not said before, else the one that was said longest ago, with its contacts."""
    kind, language = safety.kind or "suicide", safety.language
    lines, emergency = contact_lines(kind, region, language), emergency_numbers(kind, region, language)
    last_said = {" ".join(text.split()): index for index, text in enumerate(earlier)}
    candidates = [_as_written(_filled(text, lines, emergency), safety, region) for text in texts]
    return min(candidates, key=lambda text: last_said.get(" ".join(text.split()), -1))


def _filled(text: str, lines: Sequence[str], emergency: str) -> str:
    """Return a text with its contacts; one that names no emergency number gets it where nobody else is known."""
    if not lines and "emergency" not in Template(text).get_identifiers():
        lines = [emergency]
    filled = fill(text, {"help": "\n".join(f"- {line}" for line in lines), "emergency": emergency})
    return _GAP.sub("\n\n", filled)


def _as_written(text: str, safety: Safety, region: str | None) -> str:
    """Return a text in the characters that the person writes."""
    return traditional(text, region) if safety.traditional else text


@cache
def _shipped() -> Prompts:
    return Prompts()
