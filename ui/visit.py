"""What one visitor's page shows, and what they do with it beside talking."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..contract.settings.region import read_region
from ..memory import alist_turns, amark_turn, by_period, memories_from_items, near_items, search_items, timeline
from .kept_choices import KeptChoices
from .page_conversation import PageConversation
from .page_turns import PageTurn, error_sentence
from .page_words import WORDS
from .views.memory_view import MemoryList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..contract import HefContext, Memory
    from ..contract.dialogue import TextLanguage
    from ..memory import Period, PeriodName
    from .page_host import PageHost

SEARCH_LIMIT = 20
"""Turns that a search finds at most."""
MARKS: dict[str, dict[str, bool]] = {
    "pin": {"pinned": True},
    "unpin": {"pinned": False},
    "hide": {"never_recall": True},
    "unhide": {"never_recall": False},
}
"""Buttons of a remembered turn, and the mark that each sets."""


@dataclass
class Visit:
    """The page of one visitor, in one tab of a browser."""

    host: PageHost
    """Graphs and settings."""
    conversation: PageConversation
    """The conversation that is open."""
    language: TextLanguage = "en"
    """Language of the page."""
    shown: str = ""
    """Key of the turn whose understanding is shown; empty for the newest."""
    editing: str = ""
    """Key of the turn that the next message replaces; empty where it replaces none."""
    memories: MemoryList = field(default_factory=MemoryList)
    """What of the memory is shown."""
    shows_memory: bool = False
    """Whether memory or timeline is before the person, not what was understood or the settings."""
    period: PeriodName = "day"
    """Length of the periods of the timeline."""
    periods: Sequence[Period] = ()
    """The timeline."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Settings that were changed on the page."""
    wants_private: bool = False
    """Whether the visitor wants that nothing is written down, in whatever conversation is open."""
    has_chosen_language: bool = False
    """Whether the language of the page was chosen on it."""
    names: dict[str, str] = field(default_factory=dict)
    """Names of the person's conversations, the newest first, with the id of who answers in each."""
    notice: str = ""
    """What is to be said of the last action, beside what the page shows."""

    @classmethod
    async def begin(
        cls,
        host: PageHost,
        language: TextLanguage,
        choices: KeptChoices | None = None,
        *,
        wants_private: bool = False,
    ) -> Visit:
        """Return the page of a visitor, with the newest conversation where that was a short time ago.

        Args:
            host: Graphs and settings.
            language: Language of the page, where none was chosen.
            choices: What the visitor chose before.
            wants_private: Whether they want that nothing is written down.
        """
        choices = choices or KeptChoices()
        is_private = host.keeps_nothing or wants_private
        visit = cls(
            host,
            PageConversation(host, "", host.context, is_private=is_private),
            choices.page_language or language,
            changes=choices.settings,
            has_chosen_language=choices.page_language is not None,
            wants_private=wants_private,
        )
        try:
            if recent := await host.conversations.recent(host.character):
                await visit.open(recent, host.character)
                return visit
        except Exception as error:
            visit.notice = error_sentence(error)
        await visit.begin_conversation(host.character)
        return visit

    @property
    def kept_choices(self) -> KeptChoices:
        """What the browser keeps for the next visit."""
        language = {"page_language": self.language} if self.has_chosen_language else {}
        return KeptChoices.model_validate({**language, **self.changes})

    @property
    def shown_turn(self) -> PageTurn | None:
        """The turn whose understanding is shown; None where nothing was said."""
        turns = self.conversation.turns
        if self.conversation.live is not None:
            return self.conversation.live.turn
        return next((turn for turn in turns if turn.key == self.shown), turns[-1] if turns else None)

    def show_turn(self, number: int) -> None:
        """Show what was understood in a turn."""
        if number < len(self.conversation.turns):
            self.shown = self.conversation.turns[number].key

    async def open(self, name: str, character: str | None = None) -> None:
        """Open another conversation.

        Args:
            name: Its name.
            character: Who answers in it; None where it was begun earlier.
        """
        self.names = dict(await self.host.conversations.names())
        character = self.names.get(name, "") if character is None else character
        self.names = {name: character, **self.names}
        self.host.conversations.hold(name)
        before = self.conversation
        before.stop()
        opened = PageConversation(self.host, name, self._context(character), is_private=self.host.keeps_nothing)
        opened.character = character
        if chosen := self.host.characters.get(character):
            opened.listener, opened.greeting = chosen.name, chosen.greeting
        try:
            await opened.load()
            while opened.is_private != (is_private := self.host.keeps_nothing or self.wants_private):
                await opened.set_private(is_private)  # the wish may change meanwhile
        except BaseException:
            self.host.conversations.leave(name)
            raise
        self.conversation, self.shown, self.editing = opened, "", ""
        if before.name:  # that of a visit that has just begun has none
            before.leave()
        await self.refresh_memories()

    async def set_private(self, wants_private: bool) -> None:
        """Write nothing down from now on, or write down again, in this conversation and those opened later."""
        self.wants_private = wants_private
        await self.conversation.set_private(self.host.keeps_nothing or wants_private)

    def close(self) -> None:
        """Leave the conversation to others: the visitor has gone."""
        self.conversation.leave()

    def set_strategy(self, strategy: str) -> None:
        """Set how the emotion is decided."""
        self._set(strategy=strategy)

    def set_reply_language(self, language: str) -> None:
        """Set the language of the reply; blank is the person's own."""
        self._set(language=language or None)

    def set_region(self, region: str) -> None:
        """Set the country whose numbers are given in danger.

        Raises:
            SetupError: It is no code of two letters.
        """
        self._set(region=read_region(region))

    def set_retention(self, days: float) -> None:
        """Set for how many days what is said from now on is remembered; 0 is for good."""
        self._set(remember_for=float(days or 0) or None)

    @property
    def character(self) -> str:
        """Id of who answers; empty for HEF itself."""
        return self.conversation.character

    async def leave_after_pause(self) -> str:
        """Begin another conversation where the last turn is hours ago, so that its feeling does not stick.

        Returns:
            What is to be said of it; empty where the conversation goes on. One that the person named goes on.
        """
        name = self.conversation.name
        if not await self.conversation.is_over():
            return ""
        await self.begin_conversation(self.character)
        return WORDS[self.language].after_pause.format(name=self.name_label(name))

    async def begin_conversation(self, character: str) -> None:
        """Begin a new conversation with a character, or with HEF itself."""
        await self.open(await self.host.conversations.new_name(character), character)

    def name_label(self, name: str) -> str:
        """Return a conversation's name as people read it, with the name of who answers."""
        character = self.names.get(name, "")
        if not character:
            return name
        chosen = self.host.characters.get(character)
        return f"{chosen.name if chosen else character} · {name.removeprefix(f'{character}/')}"

    def _context(self, character: str) -> HefContext:
        """Return the settings of turns with a character; what was set on the page comes before what it states."""
        chosen = self.host.characters.get(character)
        context = chosen.context(self.host.context) if chosen else self.host.context
        return context.model_copy(update=self.changes)

    def _set(self, **settings: Any) -> None:
        self.changes.update(settings)
        self.conversation.context = self._context(self.character)

    async def refresh_memories(self) -> None:
        """Read what is remembered, and the timeline."""
        store, user = self.host.kept.store, self.host.context.user_id
        if store is None or user is None:
            return
        turns = await alist_turns(store, user)
        self.memories.total = len(turns)
        self.memories.marked = {turn.id: turn for turn in turns if turn.id in self.memories.marked}
        self.periods = by_period(timeline(turns), self.period)
        if self.memories.query.strip():
            items = await asyncio.to_thread(search_items, store, user, self.memories.query, SEARCH_LIMIT)
            weights = self.conversation.context.memory_weights
            turns = memories_from_items(near_items(items, self.memories.query, weights.min_similarity))
        self.memories.memories = turns

    async def search(self, query: str) -> None:
        """List what is remembered and similar to a text; all for a blank one."""
        self.memories = MemoryList(query=query, deleted=self.memories.deleted, marked=self.memories.marked)
        await self.refresh_memories()

    async def act_on_memory(self, act: str, memory_id: str) -> None:
        """Do what a button of a remembered turn says."""
        if act == "delete":
            self.memories.asked = memory_id
        elif act == "keep":
            self.memories.asked = ""
        elif act == "erase":
            await self._erase(memory_id)
        elif act in MARKS:
            store, user = self.host.kept.store, self.host.context.user_id
            if store is not None and user is not None:
                self.memories.marked[memory_id] = await amark_turn(store, user, memory_id, **MARKS[act])

    async def _erase(self, memory_id: str) -> None:
        """Delete a remembered turn from the memory and from its conversation, for good."""
        memory = next((memory for memory in self._known_memories() if memory.id == memory_id), None)
        if memory is None or memory_id != self.memories.asked:
            return
        left = await self.conversation.forget(memory)
        self.notice = " ".join([WORDS[self.language].deleted, *left])
        self.memories.asked = ""
        self.memories.deleted.add(memory_id)
        await self.refresh_memories()

    def _known_memories(self) -> list[Memory]:
        """Return the turns that the page shows somewhere: only they can be deleted from it."""
        understood = [turn.understanding for turn in self.conversation.turns if turn.understanding]
        return [*self.memories.memories, *(memory for each in understood for memory in each.memories)]
