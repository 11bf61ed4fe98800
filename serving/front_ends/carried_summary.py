"""The summary of a compaction, which a front end puts before what is left of the conversation, as if a person said it.

LibreChat's client writes it in the person's role, between `<summary>` and `</summary>`, and tells the LLM after it what
it is; in later requests it is a system message. What a person says beside it is theirs, and so is a text that only
begins like one and says that they are in danger.
"""

from __future__ import annotations

import re

from ...contract.dialogue import Turn
from ...safety import assess
from .demands import begins_as_transcript, is_transcript
from .host_words import FIRST_PERSON

_OPEN, _CLOSE = "<summary>", "</summary>"
_ABOUT = "This is your own checkpoint: you wrote it to preserve context after compaction."
_ADVICE = (
    "Pick up where you left off based on the summary above.",
    "Do not repeat prior tasks, information or acknowledge this checkpoint message directly.",
)
"""What LibreChat writes after a summary: the first sentence always, then these."""
_END = re.compile(rf"{_CLOSE}\s{{1,9}}{re.escape(_ABOUT)}")
_ADVICE_CHARACTERS = 600
"""Characters of such an advice in other words, at most."""
_TO_LLM = re.compile(r"\byour?\b", re.IGNORECASE)
_RECORD = re.compile(r"\b(?:checkpoint|summary)\b", re.IGNORECASE)
_LONG_CONTEXT = re.compile(r"\bcompact(?:ion|ed)\b|\bcontext\b|\bleft off\b|\bearlier conversation\b", re.IGNORECASE)
_PERSONAL = re.compile(r"\b(?:i|i'm|i’m|my|me|we|us|our)\b", re.IGNORECASE)
_HOSTS = ("## Conversation Summary\n", "Here is a summary of the conversation to date:\n")
"""How a host begins that tells a summary in its own role (LibreChat), or in the person's (LangChain)."""
_OF_USER = re.compile(r"\busers?\b|\b(?:the (?:human|person)|human[:>])|用户", re.IGNORECASE)
"""Whom a host's summary is about."""
_SELF = re.compile(r"\b(?:myself|ourselves|mine|im)\b", re.IGNORECASE)
"""Further words in which somebody speaks of themselves."""
_QUOTED = re.compile(r"\"[^\"\n]{0,400}\"|“[^”\n]{0,400}”|「[^」\n]{0,400}」")


def split_summary(text: str) -> tuple[str, str] | None:
    """Return LibreChat's summary at the beginning of a message, and the words after it; None where there is none."""
    message = text.strip()
    close = _END.search(message) if message.startswith(_OPEN) else None
    if close is None:
        return None
    end = close.end()
    for sentence in _ADVICE:
        rest = message[end:].lstrip()
        if rest.startswith(sentence):
            end = len(message) - len(rest) + len(sentence)
    return message[:end], message[end:].strip()


def is_summary_alone(text: str, *, is_before_another: bool) -> bool:
    """Return whether a message of the person's is a summary that a host carries, and nothing else.

    Args:
        text: The message, the first one of the person's or the assistant's.
        is_before_another: Whether the person says something after it without a reply between: an advice in other words
            than LibreChat's counts only there, and only where it is no danger that the person tells of themselves.
    """
    if (split := split_summary(text)) is not None:
        return not split[1]
    message = text.strip()
    if is_before_another and message.startswith(_HOSTS):
        return not _is_persons_danger(message)
    close = message.rfind(_CLOSE)
    advice = message[close + len(_CLOSE) :].strip()
    if not is_before_another or close < 0 or not message.startswith(_OPEN) or len(advice) > _ADVICE_CHARACTERS:
        return False
    signs = (_TO_LLM, _RECORD, _LONG_CONTEXT)
    return all(sign.search(advice) for sign in signs) and not (
        _PERSONAL.search(advice) or _is_persons_danger(message[len(_OPEN) : close])
    )


def _is_persons_danger(text: str) -> bool:
    """Return whether a text like a summary says that somebody is in danger, and not as a host tells of a person.

    A host tells of "the user", and says "I" only in what it quotes; danger of which it tells was answered then.
    """
    return not _is_told_by_host(text) and assess([Turn("speaker", text)]).level == "danger"


def _is_told_by_host(text: str) -> bool:
    lines = text.splitlines()
    if is_transcript(text):
        spoken = [line for line in lines if begins_as_transcript(line)]
        if spoken and _OF_USER.match(spoken[-1].lstrip(" <")):
            return False  # nobody answered
        lines = [line for line in lines if line not in spoken]
    told = _QUOTED.sub("", "\n".join(lines))
    return _OF_USER.search(text) is not None and not (FIRST_PERSON.search(told) or _SELF.search(told))


def is_summary_of_earlier(text: str) -> bool:
    """Return whether words of the host are a summary of turns that the transcript does not show any more."""
    return text.lstrip().startswith((_OPEN, *_HOSTS))
