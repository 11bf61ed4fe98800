"""What the page is given: the graphs that answer, whose page it is, and how a conversation is found and forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from ..characters import Character
    from ..contract import HefContext, Memory

Graph: TypeAlias = "CompiledStateGraph[Any, Any, Any, Any]"


class Conversations(Protocol):
    """One person's conversations."""

    def thread_id(self, name: str) -> str:
        """Return the checkpointer's id of a conversation."""
        ...

    async def names(self) -> Mapping[str, str]:
        """Return the names of all conversations, the newest first, with the id of the character that each is with."""
        ...

    async def recent(self, character: str) -> str | None:
        """Return the conversation to go on with of a character, or of none; None where a new one begins."""
        ...

    async def new_name(self, character: str) -> str:
        """Return the name of a new conversation with a character, or with none."""
        ...

    def is_over(self, name: str, last: datetime) -> bool:
        """Return whether another conversation begins, so long after the last turn of one that nobody named."""
        ...

    def hold(self, name: str) -> None:
        """Keep a conversation for this process; raise an exception that says why that cannot be."""
        ...

    def leave(self, name: str) -> None:
        """Leave a conversation to other processes, once it was left as often as it was kept."""
        ...

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Return a context in which nobody else runs a turn of the person or changes their conversations."""
        ...

    async def forget(self, memories: Sequence[Memory]) -> Sequence[str]:
        """Erase turns from memory and conversations, and return what is left of them, in sentences."""
        ...


class PausableContext:
    """A context that can be left for a while, as a lock while a person thinks, and is left at the end.

    Args:
        make: Returns the context to enter.
    """

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        self._make = make
        self._context: AbstractAsyncContextManager[None] | None = None

    async def enter(self) -> None:
        """Enter the context, where that has not been done."""
        if self._context is None:
            context = self._make()
            await context.__aenter__()
            self._context = context

    async def leave(self) -> None:
        """Leave the context, where it has been entered."""
        context, self._context = self._context, None
        if context is not None:
            await context.__aexit__(None, None, None)

    async def __aenter__(self) -> Self:
        await self.enter()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()


@dataclass(frozen=True, slots=True)
class PageHost:
    """The parts of a page, which the command makes."""

    kept: Graph
    """Answers, and keeps conversations and memories."""
    unkept: Graph
    """Answers, and keeps its conversations in this process alone."""
    context: HefContext
    """The settings that a turn begins with; its `user_id` is the person, None where nothing is remembered."""
    conversations: Conversations
    """The person's conversations."""
    model: str
    """Name of the LLM, to be shown."""
    sem: str
    """Name of the SEM, to be shown."""
    characters: Mapping[str, Character] = field(default_factory=dict)
    """Who may answer, by id; empty where there is no choice."""
    character: str = ""
    """Id of who answers at first; empty for HEF itself."""
    kept_by_character: Mapping[str, Graph] = field(default_factory=dict)
    """As `kept`, for characters with a SEM of their own, by id; they share its memory and its conversations."""
    unkept_by_character: Mapping[str, Graph] = field(default_factory=dict)
    """As `unkept`, for the same characters."""

    def graph(self, character: str, *, is_private: bool) -> Graph:
        """Return what answers for a character, or for HEF itself, and keeps conversations or not."""
        if is_private:
            return self.unkept_by_character.get(character, self.unkept)
        return self.kept_by_character.get(character, self.kept)

    def sem_name(self, character: str) -> str:
        """Return the name of the SEM that reads with a character, or with HEF itself, to be shown."""
        return str(self.characters[character].sem) if character in self.kept_by_character else self.sem

    @property
    def keeps_nothing(self) -> bool:
        """Whether the page was started so that nothing is written down."""
        return self.context.user_id is None
