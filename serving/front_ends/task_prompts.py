"""Prompts that front ends send for themselves: titles, tags, summaries. A person's words must never count as one.

Each is told by where it stands in the request, how it begins and what closes it: one sign alone is not enough, since
people paste texts, and a document that a front end puts around a message begins like a task too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..chat_request import ChatMessage
from .attached_context import mark_hosts, split_context
from .demands import (
    TaskKind,
    before_transcript,
    begins_as_transcript,
    demanded_kind,
    is_demand,
    is_heading,
    is_known_demand,
    is_sectioned_demand,
    is_transcript,
    split_compaction,
)
from .host_words import FIRST_PERSON

_LATER_WORDS = 200
"""Characters after a task's heading that say what is wanted."""
_INSTRUCTION = 200
"""Characters at the beginning of a system message in which it says that a title or a summary is all that is wanted."""
_QUIET_CHARACTERS = 4_000
"""Characters of a prompt that asks about the conversation before it, at most."""
_TRANSCRIPT_TAGS = ("chat_history", "conversation", "transcript", "messages", "history", "dialogue")
_DEMAND = re.compile(
    r"\bjson\b|\btitles?\b|\btags\b|\bsummar(?:y|ize|ise)\b|\bkeywords\b|\bfollow[- ]ups?\b|\bqueries\b|\bemojis?\b"
    r"|\bextract\b|\bcondense\b|\bcompress\b|标题|标签|摘要|总结|关键词|追问|提取|压缩|概括",
    re.IGNORECASE,
)
_TITLE = re.compile(r"\btitles?\b|标题", re.IGNORECASE)
_PARAGRAPHS = 12
"""Paragraphs of a host's last message that are looked at, at most."""
_NUDGES = ("[continue your last message", "[write your next reply from the point of view of")
"""How the host's last message begins where it wants words that are no reply: SillyTavern's Continue, Impersonate."""
_ASTRBOT_TITLE = ("You are a conversation title generator.", "Generate a concise title for the following user query:")
_LIBRECHAT_TITLES = (
    "provide a concise, 5-word-or-less title",
    "please generate a concise, 5-word-or-less title",
    "analyze this conversation and provide:",
)
_LIBRECHAT_TITLE_ENDS = (
    "only return the title itself.\n\nconversation:\n",
    "1. the detected language of the conversation\n2. a concise title",
)
"""What these go on with, whatever the lines of the conversation after it look like (`titlePromptTemplate`)."""
_CHAT_HEADING = re.compile(
    r"#{1,3} [\w ]{0,30}\b(?:chat|conversation|messages|dialogue)\b[\w ]{0,30}:?[ \t]*\n\s{0,9}", re.IGNORECASE
)
_CUT_CHAT = "[Earlier chat content omitted"
"""How LibreChat's memory agent begins a long chat."""
_MEMORY_TOOL = re.compile(r"`\w{0,40}memor\w{0,40}`", re.IGNORECASE)


def prompt_kind(messages: Sequence[ChatMessage], *, guess: bool = True) -> TaskKind | None:
    """Return which task a transcript asks for, None where a person speaks in it.

    Args:
        messages: The transcript.
        guess: Whether a host's own wording may tell it, too, beside the prompts of front ends that are known.
    """
    messages = mark_hosts(messages)
    talk = [message for message in messages if message.role != "system"]
    if all(message.role != "user" for message in talk):
        return "prompted" if messages else None
    if kind := _quiet_kind(messages, guess=guess) or _instructed_kind(messages, guess=guess):
        return kind
    if messages[-1].role == "system" and any(part.startswith(_NUDGES) for part in _parts(messages[-1].text)):
        return "prompted"
    if messages[-1].role == "system" and talk[-1].role == "assistant":
        # The host asks for words where the person has said nothing: a greeting, a continuation, another character's.
        return "prompted"
    return _lone_kind(talk[0].text.strip(), guess=guess) if len(talk) == 1 and talk[0].role == "user" else None


def _quiet_kind(messages: Sequence[ChatMessage], *, guess: bool) -> TaskKind | None:
    """Return what the last message asks of the conversation before it (SillyTavern's quiet prompts)."""
    if len(messages) < 2 or messages[-1].role == "assistant":
        return None
    is_after_talk = any(message.role == "assistant" for message in messages)
    text = messages[-1].text
    if messages[-1].role == "user":
        # What was said before a compaction and has no reply yet may be nowhere else: danger is looked for in it.
        compaction = split_compaction(text)
        if compaction and (guess or (messages[-2].role == "assistant" and not compaction[0])):
            return "summary"
        is_hosts = is_after_talk and (is_known_demand(text) or (guess and is_demand(text, signs=3)))
        if not is_hosts and is_after_talk and guess and is_sectioned_demand(text):
            return "summary"
        return asked_about_before(text) or (demanded_kind(text) if is_hosts else None)
    for part in _parts(text):
        if kind := asked_about_before(part):
            return kind
        if is_after_talk and (is_known_demand(part) or (guess and is_demand(part, signs=1))):
            return demanded_kind(part)
    return None


def _parts(text: str) -> list[str]:
    """Return a text of the host from each of its last paragraphs on: its messages in a row may have become one."""
    paragraphs = text.strip().lower().split("\n\n")
    return ["\n\n".join(paragraphs[start:]) for start in range(max(0, len(paragraphs) - _PARAGRAPHS), len(paragraphs))]


def _instructed_kind(messages: Sequence[ChatMessage], *, guess: bool) -> TaskKind | None:
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
    if instruction.startswith(_ASTRBOT_TITLE[0]) and text.startswith(_ASTRBOT_TITLE[1]):
        return "title"
    if _is_for_memory(instruction, text, guess=guess):
        return "other"
    return asked_about_before(instruction) or (_instructed_demand(instruction, text) if guess else None)


def _is_for_memory(instruction: str, text: str, *, guess: bool) -> bool:
    """Return whether a chat is shown to an agent that keeps a memory of its own: LibreChat's, or one like it."""
    heading = _CHAT_HEADING.match(text)
    if heading is None or not (begins_as_transcript(rest := text[heading.end() :]) or rest.startswith(_CUT_CHAT)):
        return False
    is_known = text.startswith("# Current Chat:\n") and "# Existing memory:" in instruction
    return is_known or (guess and _MEMORY_TOOL.search(instruction) is not None)


def _instructed_demand(instruction: str, text: str) -> TaskKind | None:
    """Return what a system message demands of one text, in a host's own words: a title or a summary of it."""
    signs = 0 if is_transcript(text) and not before_transcript(text).strip() else 2 if is_heading(text) else None
    if signs is not None and is_demand(instruction, signs=signs, head=_INSTRUCTION, begins=False):
        return demanded_kind(instruction)
    # A title for what the person said first, whatever it is: nothing else may be demanded.
    is_title = _TITLE.search(instruction[:_INSTRUCTION]) is not None
    return "title" if is_title and is_demand(instruction, signs=3, head=_INSTRUCTION) else None


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


def _lone_kind(text: str, *, guess: bool) -> TaskKind | None:
    """Return what the one message of a request asks for, None where a person says it."""
    lower = text[:400].lower()
    if text.startswith("### Task:"):
        if text.endswith("</chat_history>") and "<chat_history>" in text and "### " in text[9:]:
            return demanded_kind(text[9:], _LATER_WORDS)
        if "\n### Messages Being Compacted:\n" in text and is_transcript(text):
            return "summary"
        if "<text>" in text and text.removesuffix("#### Output:").rstrip().endswith("</text>") and "<type>" in text:
            return "autocomplete"
    if text.startswith("Your task is to reflect the speaker's likely facial expression") and text.endswith("```"):
        return "emoji"
    if text.startswith("You have been provided with a set of responses") and "\nResponses from models:" in text:
        return "merge"
    is_whole = any(end in lower for end in _LIBRECHAT_TITLE_ENDS)
    if lower.startswith(_LIBRECHAT_TITLES) and (is_whole or is_transcript(text)):
        return "title"
    if guess and is_demand(before_transcript(text), signs=2):
        return demanded_kind(text)
    # In a document around a person's words may be a transcript, and in the instructions what looks like a demand.
    return None if split_context(text) else _demand_about_transcript(text)


def _demand_about_transcript(text: str) -> TaskKind | None:
    """Return what is asked about a transcript between tags, in a host's own words."""
    for tag in _TRANSCRIPT_TAGS:
        start, end = text.find(f"<{tag}>"), text.rfind(f"</{tag}>")
        if start >= 0 and end > start and is_transcript(text[start + len(tag) + 2 : end]):
            demand = f"{text[:start]}\n{text[end + len(tag) + 3 :]}"
            is_hosts = _DEMAND.search(demand) and not FIRST_PERSON.search(demand)
            return demanded_kind(demand, len(demand)) if is_hosts else None
    return None
