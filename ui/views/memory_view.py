"""Past turns as HTML, with buttons to delete, pin and hide them; and in words why one was recalled."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ..page_words import WORDS, PageWords
from ..turn_words import emotion_name
from .safe_html import escaped

if TYPE_CHECKING:
    from ...contract import Memory, Why
    from ...contract.dialogue import TextLanguage

PAGE_LENGTH = 20
"""Turns that are shown at once."""
SMALLEST_SHARE = 0.005
"""Share of relevance from which on a reason is told."""
_SHOWN_CHARACTERS = 600
"""Characters of a remembered text or reply that are shown."""


@dataclass
class MemoryList:
    """What of the memory is shown, and what is being done with it."""

    memories: list[Memory] = field(default_factory=list)
    """The turns, in the order in which they are shown."""
    total: int = 0
    """How many turns are remembered in all."""
    query: str = ""
    """What was searched for; empty where all are listed."""
    length: int = PAGE_LENGTH
    """How many of the turns are shown."""
    asked: str = ""
    """Id of the turn of which it is asked whether it shall be deleted."""
    deleted: set[str] = field(default_factory=set)
    """Ids of the turns that were deleted from the page."""
    marked: dict[str, Memory] = field(default_factory=dict)
    """Turns that were pinned or hidden from the page, by id, as they are now."""

    def newest(self, memory: Memory) -> Memory:
        """Return a turn with its marks as they are now, and all else of it as it was recalled."""
        now = self.marked.get(memory.id, memory)
        return memory.model_copy(update={"pinned": now.pinned, "never_recall": now.never_recall})


def recall_reasons(why: Why | None, language: TextLanguage, most: int | None = None) -> str:
    """Return what a turn was recalled by, with the shares of its relevance; empty where that is not known.

    Args:
        why: Why it was recalled.
        language: Language of the words.
        most: How many reasons at most, the strongest first; None for all.
    """
    if why is None:
        return ""
    words = WORDS[language]
    names = {
        "similarity": words.similarity,
        "lexical": words.lexical,
        "length": words.length,
        "recency": words.recency,
        "emotion": words.feeling,
    }
    shares = {name: getattr(why, part) for part, name in names.items()}
    ranked = sorted(shares, key=lambda name: -shares[name])
    parts = [f"{name} {shares[name]:.0%}" for name in ranked if shares[name] >= SMALLEST_SHARE]
    named = {"pinned": words.by_pin, "broad_question": words.by_broad_question, "wish": words.by_wish}
    by = [named[why.by]] if why.by in named else []
    return words.comma.join([*by, *parts][:most])


def near_reason(by_words: bool, language: TextLanguage = "en") -> str:
    """Return why a search lists a turn: it has the words in it, or means something similar."""
    return WORDS[language].lexical if by_words else WORDS[language].similarity


def memories_html(memories: MemoryList, language: TextLanguage) -> str:
    """Return the list of what is remembered."""
    words = WORDS[language]
    count = words.memory_one if memories.total == 1 else words.memory_count.format(count=memories.total)
    head = count if memories.total else words.memory_none
    if memories.query and not memories.memories and memories.total:
        head = words.memory_no_match
    items = [
        memory_html(memories.newest(memory), memories, language) for memory in memories.memories[: memories.length]
    ]
    more = ""
    if len(memories.memories) > memories.length:
        more = f'<button type="button" class="hef-button" data-act="more">{words.more}</button>'
    listed = f'<ul class="hef-memories">{"".join(items)}</ul>' if items else ""
    return f'<p class="hef-note">{head}</p>{listed}{more}'


def memory_html(memory: Memory, memories: MemoryList, language: TextLanguage, *, with_reasons: bool = False) -> str:
    """Return one turn with its buttons.

    Args:
        memory: The turn.
        memories: What is being done with what is remembered.
        language: Language of the page.
        with_reasons: Show why it was recalled.
    """
    words = WORDS[language]
    facts = [f"<time>{datetime.fromtimestamp(memory.time):%Y-%m-%d %H:%M}</time>"] if memory.time else []
    if memory.emotion:
        share = "" if memory.probability is None else f" {memory.probability:.0%}"
        facts.append(f"<span>{escaped(emotion_name(memory.emotion, language))}{share}</span>")
    if memory.name:
        facts.append(f'<span dir="auto">{escaped(words.said_by.format(name=memory.name))}</span>')
    if memory.character:
        facts.append(f"<span>{escaped(memory.character)}</span>")
    if memory.expires and not memory.pinned:
        day = f"<time>{datetime.fromtimestamp(memory.expires):%Y-%m-%d}</time>"
        facts.append(f"<span>{words.kept_until.format(day=day)}</span>")
    if memory.pinned or memory.never_recall:
        facts.append(f'<span class="hef-tag">{words.pinned if memory.pinned else words.hidden}</span>')
    reply = escaped(words.replied.format(reply=_shortened(memory.reply)))
    return (
        f'<li class="hef-memory"><p class="hef-facts">{"".join(facts)}</p>'
        f'<p class="hef-words" dir="auto">{escaped(_shortened(memory.text))}</p>'
        + (f'<p class="hef-words hef-note" dir="auto">{reply}</p>' if memory.reply and not with_reasons else "")
        + (_reasons_html(memory.why, language) if with_reasons else "")
        + _buttons_html(memory, words, is_asked=memory.id == memories.asked)
        + "</li>"
    )


def _buttons_html(memory: Memory, words: PageWords, *, is_asked: bool) -> str:
    about = escaped(_shortened(memory.text, 40))

    def button(act: str, label: str, css: str = "hef-quiet") -> str:
        return (
            f'<button type="button" class="{css}" data-act="{act}" data-memory="{escaped(memory.id)}" '
            f'aria-label="{label}: {about}">{label}</button>'
        )

    pin = button("unpin", words.unpin) if memory.pinned else button("pin", words.pin)
    hide = button("unhide", words.unhide) if memory.never_recall else button("hide", words.hide)
    buttons, question = button("delete", words.delete) + pin + hide, '<p class="hef-question"></p>'
    if is_asked:
        # "Keep it" takes the place of "Delete", with the keyboard's focus: Enter twice deletes nothing.
        buttons = button("keep", words.keep, "hef-button") + button("erase", words.delete_sure, "hef-button hef-grave")
        question = f'<p class="hef-question" role="alert">{words.delete_question}</p>'
    return f'{question}<div class="hef-row">{buttons}</div>'


def _reasons_html(why: Why | None, language: TextLanguage) -> str:
    """Return what a turn was recalled by, with the shares of its relevance; empty where that is not known."""
    reasons = recall_reasons(why, language)
    return f'<p class="hef-note">{WORDS[language].why}: {reasons}</p>' if reasons else ""


def _shortened(text: str, characters: int = _SHOWN_CHARACTERS) -> str:
    return text if len(text) <= characters else f"{text[:characters]}…"
