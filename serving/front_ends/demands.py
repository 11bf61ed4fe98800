"""What a host demands of a conversation: a title, a summary. People ask for the same, so several signs must agree.

A host demands at once, sets the form of the answer (how long, nothing else, no quotation marks), speaks of "the user",
and never of itself; a person does one or two of these.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from .host_words import FIRST_PERSON

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
    "json",
    "other",
]

_HEAD = 400
"""Characters at the beginning of a demand that say what is demanded."""
_CHARACTERS = 8_000
"""Characters of a demand at most."""
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
    ("概括", "summary"),
    ("topic", "title"),
    ("主题", "title"),
    ("a name", "title"),
)
"""Words of a demand -> what it asks for, the first that is found."""
_SPEAKERS = (
    ("user:", "human:", "<user>", "<human>", "用户:", "用户："),
    ("assistant:", "ai:", "assistant_final:", "session:", "<assistant>", "<ai>", "助手:", "助手："),
)
"""How a line of a transcript begins: the person's, and the reply's."""
_JSON_ROLES = ('"role"', '"user"', '"assistant"')
_BEGINNING = re.compile(
    r"(?:- |please,? |now,? |you (?:will |need to |have to |are asked to )"
    r"|your (?:sole |primary |only )?(?:task|job|objective|goal)"
    r"(?: here)?(?: is)?:? (?:to )?|based on [^.\n]{0,80}?, ?){0,3}"
    r"(?:briefly )?(?:generate|create|write|produce|provide|give|summari[sz]e|condense|compress|compact|extract|distil"
    r"|extend|update|return|suggest|compose|name)\b"
    r"|(?:请|请你|你需要|你的任务是|根据[^。\n]{0,40}，|现在|使用[^。，\n]{0,20}|用[^。，\n]{0,20}){0,3}"
    r"(?:直接|简要|简短|简洁|地){0,2}(?:总结|概括|生成|返回|提取|压缩|写出|起|为|给|把|将)",
    re.IGNORECASE,
)
"""How a demand begins."""
_RESULT = re.compile(
    r"\btitles?\b|\b(?:generate|create|write|give|suggest|return|provide)\b[^.\n]{0,15}\btopic\b"
    r"|\bthis conversation a name\b|\ba name for\b|\bsummar(?:y|ies|i[sz]e|i[sz]ing|i[sz]ation)\b|\brecap\b"
    r"|\btakeaways?\b|\bcondense\b|\bcompress\b|\bcompact\b|标题|摘要|总结|概括|压缩",
    re.IGNORECASE,
)
_ASKS_REPLY = re.compile(
    r"\A(?:[^.\n]{0,60}\b(?:repl(?:y|ies)|response|answers?|next message)\b|[^。\n]{0,16}(?:回复|回答|写下一句))",
    re.IGNORECASE,
)
"""How a host begins that tells the LLM how to talk."""
_SUBJECT = re.compile(
    r"\b(?:conversations?|discussion|chat|dialog(?:ue)?|messages?|thread|history|user (?:query|request|input))\b"
    r"|对话|会话|聊天|讨论|消息|这句话|历史",
    re.IGNORECASE,
)
_NUMBER = r"(?:\d{1,4}|two|three|four|five|six|seven|eight|ten|一|二|两|三|四|五|六|七|八|十|百)"
_LENGTH = re.compile(
    rf"\b{_NUMBER}(?: ?(?:-|–|to|or) ?{_NUMBER})?[- ](?:words?|characters?|sentences?|paragraphs?)\b"
    rf"|\bwords or (?:less|fewer)\b|{_NUMBER}(?:[到至-]{_NUMBER})?个? ?(?:字|词|句)",
    re.IGNORECASE,
)
_MARKS = re.compile(
    r"\b(?:no|without(?: any| using)?|omit(?:ting)?|(?:do not|don't) (?:use|add|include)|avoid|remove)\b[^.\n]{0,40}"
    r"\b(?:punctuation|quotes?|quotation|lead-in|preamble|prefix|introductory|markdown|formatting|explanations?|symbols?)"
    r"\b|(?:不要|不需要|无需|不含|不能)[^。\n]{0,10}(?:解释|标点|多余|加粗|引号|符号|前缀)",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"\bnothing else\b|\bonly (?:return|output|the (?:title|summary|topic|name))\b|\bjust (?:output|return|provide)\b"
    r"|\b(?:output|return|respond with|reply with|provide|write|give) (?:only|just)\b|\bstraight to the\b"
    r"|直接返回|[只仅](?:返回|输出|回复)",
    re.IGNORECASE,
)
_USER = re.compile(r"\b(?:the|a) user(?:'s|’s)?\b|\busers?['’]s?\b|用户", re.IGNORECASE)
_POINTS = re.compile(r"(?:^|\n)[ \t]{0,9}(?:\d{1,2}[.)]|[-*•])[ \t][^\n]{1,400}\n\s{0,9}(?:\d{1,2}[.)]|[-*•])[ \t]")
_PURPOSE = re.compile(
    r"\b(?:prompt|context|reference|memory) for (?:future|the next|another)\b|\bfuture (?:context|reference)\b"
    r"|\banother (?:llm|model|agent|assistant)\b|\bkey takeaways\b|\b(?:conversation|chat) history\b|\bso far\b"
    r"|\bcontext window\b|后续|下文|历史(?:对话|消息|记录)",
    re.IGNORECASE,
)
_SIGNS = (_LENGTH, _MARKS, _ALONE, _USER, _POINTS, _PURPOSE)
"""By what a host sets the form of an answer: length, marks, nothing else, whose words, points, what it is for."""
_KNOWN = (
    "please generate a four to five word title summarizing our conversation without",
    "使用四到五个字直接返回这句话的简要主题",
    "based on our full conversation history, produce a concise summary",
    "based on the chat history, give this conversation a name",
    "summarize the takeaway from the conversation. do not add any introductory",
    "generate a concise 3-7 word title for this conversation, omitting punctuation",
)
"""How prompts begin that ask of the conversation before them: NextChat's, AstrBot's, Chatbox', AutoGen's, Zed's."""
_ABOVE = re.compile(
    r"(?:create|write|provide|generate|extend|update)\b[^.\n]{0,80}\b(?:conversation|messages|dialogue|discussion|chat)\b"
    r"[^.\n]{0,20}\babove:",
    re.IGNORECASE,
)
"""The end of LangMem's prompts, which stand alone or after the summary so far."""
_CHECKPOINTS = tuple(
    re.compile(rf"(?:^|(?<=\n))[ \t]{{0,9}}{re.escape(line)}", re.IGNORECASE)
    for line in (
        "hold on, before you continue i need you to write me a checkpoint of everything so far.",
        "hold on again, update your checkpoint.",
    )
)
"""How a paragraph of LibreChat's compaction begins, which speaks as the person; another text may stand before it."""
_NOTHING_ELSE = "only the checkpoint, don't respond to me or continue the conversation."
"""What both of these prompts say, too."""
_RECORD = re.compile(
    r"\b(?:checkpoint|hand-?off|recap|condense|compact(?:ion)?|summar(?:y|i[sz]e))\b|摘要|总结|压缩", re.IGNORECASE
)
_LONG_CONTEXT = re.compile(
    r"\bcontext (?:window|limit|budget)\b|\breplac(?:e|es|ing) (?:the|all) (?:messages|conversation|history)\b"
    r"|\bcompact(?:ion|ed)\b|\b(?:another|the next) (?:llm|model|agent|session)\b|上下文(?:窗口|长度|限制)",
    re.IGNORECASE,
)
"""Why a host has a conversation summed up, which a person does not care for."""
_RECORD_ALONE = re.compile(r"\bonly the (?:checkpoint|hand-?off|recap|record|summary)\b", re.IGNORECASE)
_HEADINGS = re.compile(r"^#{1,4} \S", re.MULTILINE)
_SECTIONS = 3
"""Headings of the form that a host sets for a summary, at least."""


def demanded_kind(text: str, characters: int = _HEAD) -> TaskKind:
    """Return what a demand asks for, by its first words."""
    demand = text.strip()[:characters].lower()
    kinds: list[TaskKind] = [kind for word, kind in _KINDS if word in demand]
    return kinds[0] if kinds else "other"


def is_demand(text: str, *, signs: int, head: int = _HEAD, begins: bool = True) -> bool:
    """Return whether a text is a host's demand for a title or a summary of a conversation.

    Args:
        text: The text.
        signs: By how many of the ways of hosts it sets the form of the answer, at least.
        head: Characters in which it says so.
        begins: Whether it must begin with what it demands.
    """
    demand = text.strip()
    if not demand or len(demand) > _CHARACTERS or FIRST_PERSON.search(demand):
        return False
    if begins and (not _BEGINNING.match(demand) or _ASKS_REPLY.match(demand)):
        return False
    is_about = _RESULT.search(demand[:head]) and _SUBJECT.search(demand[:head])
    return bool(is_about) and sum(1 for sign in _SIGNS if sign.search(demand)) >= signs


def is_known_demand(text: str) -> bool:
    """Return whether a message asks of the conversation before it as a front end does that is known."""
    demand = text.strip()
    if demand.lower().startswith(_KNOWN):
        return True
    last = demand[demand.rfind("\n") + 1 :]
    is_summary = last == demand or demand.lower().startswith("this is summary of the conversation")
    return is_summary and _ABOVE.fullmatch(last) is not None


def split_compaction(text: str) -> tuple[str, str] | None:
    """Return what stands before LibreChat's prompt that has the conversation summed up, and it; None without one."""
    text = text.strip()
    start = min((match.start() for line in _CHECKPOINTS if (match := line.search(text))), default=None)
    if start is None or _NOTHING_ELSE not in text[start:].lower():
        return None
    return text[:start].strip(), text[start:].lstrip()


def is_sectioned_demand(text: str) -> bool:
    """Return whether a text demands a summary of a form with sections, since the context is full; it may say "I"."""
    demand = text.strip()
    if len(demand) > _CHARACTERS or len(_HEADINGS.findall(demand)) < _SECTIONS:
        return False
    is_alone = _ALONE.search(demand) or _RECORD_ALONE.search(demand)
    return bool(_RECORD.search(demand[:_HEAD]) and _LONG_CONTEXT.search(demand) and is_alone)


def is_heading(text: str) -> bool:
    """Return whether the first line of a text demands something of what follows it."""
    line = text.strip().partition("\n")[0].strip()
    is_about_rest = line.endswith((":", "：")) and re.search(
        r"\b(?:following|below|user)\b|以下|下面", line, re.IGNORECASE
    )
    return bool(is_about_rest and _BEGINNING.match(line) and _RESULT.search(line) and not FIRST_PERSON.search(line))


def is_transcript(text: str) -> bool:
    """Return whether both sides of a conversation are there, in lines of their own or as JSON."""
    if text.lstrip().startswith(("[{", "{")) and all(role in text for role in _JSON_ROLES):
        return True
    lines = [line.lstrip().lower() for line in text.splitlines()]
    return all(any(line.startswith(side) for line in lines) for side in _SPEAKERS)


def begins_as_transcript(text: str) -> bool:
    """Return whether the first words of a text are who speaks."""
    return text.lstrip().lower().startswith(_SPEAKERS[0] + _SPEAKERS[1])


def before_transcript(text: str) -> str:
    """Return what stands before the first line of a transcript; empty where there is no transcript."""
    if not is_transcript(text):
        return ""
    before: list[str] = []
    for line in text.splitlines():
        if begins_as_transcript(line):
            return "\n".join(before)
        before.append(line)
    return ""
