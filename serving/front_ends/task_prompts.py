"""Prompts that front ends send for themselves: titles, tags, summaries. A person's words must never count as one.

Each is told by where it stands in the request, how it begins and what closes it: one sign alone is not enough, since
people paste texts, and a document that a front end puts around a message begins like a task too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from ..chat_request import ChatMessage
from .attached_context import split_context

TaskKind: TypeAlias = Literal[
    "title",
    "tags",
    "follow_ups",
    "queries",
    "image_prompt",
    "emoji",
    "autocomplete",
    "summary",
    "expression",
    "tools",
    "merge",
    "prompted",
    "other",
]

_LATER_WORDS = 200
"""Characters after a task's heading that say what is wanted."""
_QUIET_CHARACTERS = 4_000
"""Characters of a prompt that asks about the conversation before it, at most."""
_KINDS: tuple[tuple[str, TaskKind], ...] = (
    ("title", "title"),
    ("标题", "title"),
    ("broad tags", "tags"),
    ("tags", "tags"),
    ("标签", "tags"),
    ("follow-up", "follow_ups"),
    ("follow up", "follow_ups"),
    ("追问", "follow_ups"),
    ("prompt for a", "image_prompt"),
    ("search quer", "queries"),
    ("queries", "queries"),
    ("emoji", "emoji"),
    ("summar", "summary"),
    ("总结", "summary"),
    ("摘要", "summary"),
)
"""Words of a demand -> what it asks for, the first that is found."""
_TRANSCRIPT_TAGS = ("chat_history", "conversation", "transcript", "messages", "history", "dialogue")
_SPEAKERS = (("user:", "human:"), ("assistant:", "ai:", "assistant_final:"))
"""How a line of a transcript begins: the person's, and the reply's."""
_DEMAND = re.compile(
    r"\bjson\b|\btitles?\b|\btags\b|\bsummar(?:y|ize|ise)\b|\bkeywords\b|\bfollow[- ]ups?\b|\bqueries\b|\bemojis?\b"
    r"|标题|标签|摘要|总结|关键词|追问",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|i’m|my|me|ich|mein|meine|je|yo)\b(?!\.e\.)|我", re.IGNORECASE)
"""Words in which somebody speaks of themselves, as no host does."""
_PARAGRAPHS = 12
"""Paragraphs of a host's last message that are looked at, at most."""
_NUDGES = ("[continue your last message", "[write your next reply from the point of view of")
"""How the host's last message begins where it wants words that are no reply: SillyTavern's Continue, Impersonate."""
_LIBRECHAT_TITLES = (
    "provide a concise, 5-word-or-less title",
    "please generate a concise, 5-word-or-less title",
    "analyze this conversation and provide:",
)


def prompt_kind(messages: Sequence[ChatMessage]) -> TaskKind | None:
    """Return which task a transcript asks for, None where a person speaks in it."""
    talk = [message for message in messages if message.role != "system"]
    if all(message.role != "user" for message in talk):
        return "prompted" if messages else None
    if kind := _quiet_kind(messages) or _instructed_kind(messages):
        return kind
    if messages[-1].role == "system" and any(part.startswith(_NUDGES) for part in _parts(messages[-1].text)):
        return "prompted"
    if messages[-1].role == "system" and talk[-1].role == "assistant":
        # The host asks for words where the person has said nothing: a greeting, a continuation, another character's.
        return "prompted"
    return _lone_kind(talk[0].text.strip()) if len(talk) == 1 and talk[0].role == "user" else None


def _quiet_kind(messages: Sequence[ChatMessage]) -> TaskKind | None:
    """Return what the last message asks of the conversation before it (SillyTavern's quiet prompts)."""
    if len(messages) < 2 or messages[-1].role == "assistant":
        return None
    if messages[-1].role == "user":
        return asked_about_before(messages[-1].text)
    for part in _parts(messages[-1].text):
        if kind := asked_about_before(part):
            return kind
    return None


def _parts(text: str) -> list[str]:
    """Return a text of the host from each of its last paragraphs on: its messages in a row may have become one."""
    paragraphs = text.strip().lower().split("\n\n")
    return ["\n\n".join(paragraphs[start:]) for start in range(max(0, len(paragraphs) - _PARAGRAPHS), len(paragraphs))]


def _instructed_kind(messages: Sequence[ChatMessage]) -> TaskKind | None:
    """Return what a system message asks of the one text after it."""
    if len(messages) != 2 or [message.role for message in messages] != ["system", "user"]:
        return None
    instruction, text = messages[0].text.strip(), messages[1].text.strip()
    is_query = text.startswith("Query:") or (text.startswith("History:") and "\nQuery:" in text)
    if instruction.startswith("Available Tools:") and '"tool_calls"' in instruction and is_query:
        return "tools"
    if text.startswith("Review the completed conversation turn") and is_transcript(text):
        return "other"  # Open WebUI's review of its own memories
    if text.startswith("Conversation history:\n") and "summar" in instruction.lower() and is_transcript(text):
        return "summary"  # Pipecat's, of a context that has grown too long
    return asked_about_before(instruction)


def asked_about_before(text: str) -> TaskKind | None:
    """Return what a prompt asks about the messages before it, or the one after it; None where it asks nothing."""
    lower = text.strip().lower()
    if len(lower) > _QUIET_CHARACTERS:
        return None
    if "classify the emotion of the last message" in lower and "choose only one" in lower:
        return "expression"
    begins = lower.startswith(("ignore previous instructions", "[pause your roleplay", "pause your roleplay"))
    if begins and ("summarize" in lower or "summarise" in lower) and "nothing but the summary" in lower:
        return "summary"
    return None


def _lone_kind(text: str) -> TaskKind | None:
    """Return what the one message of a request asks for, None where a person says it."""
    lower = text[:400].lower()
    if text.startswith("### Task:"):
        if text.endswith("</chat_history>") and "<chat_history>" in text and "### " in text[9:]:
            return _demand_kind(text[9:])
        if "\n### Messages Being Compacted:\n" in text and is_transcript(text):
            return "summary"
        if "<text>" in text and text.removesuffix("#### Output:").rstrip().endswith("</text>") and "<type>" in text:
            return "autocomplete"
    if text.startswith("Your task is to reflect the speaker's likely facial expression") and text.endswith("```"):
        return "emoji"
    if text.startswith("You have been provided with a set of responses") and "\nResponses from models:" in text:
        return "merge"
    if lower.startswith(_LIBRECHAT_TITLES) and is_transcript(text):
        return "title"
    # In a document around a person's words may be a transcript, and in the instructions what looks like a demand.
    return None if split_context(text) else _demand_about_transcript(text)


def _demand_about_transcript(text: str) -> TaskKind | None:
    """Return what is asked about a transcript between tags, in a host's own words."""
    for tag in _TRANSCRIPT_TAGS:
        start, end = text.find(f"<{tag}>"), text.rfind(f"</{tag}>")
        if start >= 0 and end > start and is_transcript(text[start + len(tag) + 2 : end]):
            demand = f"{text[:start]}\n{text[end + len(tag) + 3 :]}"
            is_hosts = _DEMAND.search(demand) and not _FIRST_PERSON.search(demand)
            return _demand_kind(demand, len(demand)) if is_hosts else None
    return None


def is_transcript(text: str) -> bool:
    """Return whether lines of both sides of a conversation are there."""
    lines = [line.lstrip().lower() for line in text.splitlines()]
    return all(any(line.startswith(side) for line in lines) for side in _SPEAKERS)


def _demand_kind(text: str, characters: int = _LATER_WORDS) -> TaskKind:
    demand = text.strip()[:characters].lower()
    kinds: list[TaskKind] = [kind for word, kind in _KINDS if word in demand]
    return kinds[0] if kinds else "other"
