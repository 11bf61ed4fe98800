"""Which conversation is open: that of today, one by its name, a new one, or a private one of which nothing is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

from langchain_core.messages import AnyMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.base import BaseStore

from ...contract import SetupError
from ...graph.stored_conversation import Conversation
from ..build_graph import build_graph, close_memory, graph_with_sem
from ..error_messages import MISUSED, Failure
from ..settings import Settings
from . import conversation_list
from .chat_threads import thread_id
from .conversation_file import OpenElsewhere, open_conversations, sole_writer, turn_lock


class OpenConversation:
    """The conversation of a session, which can be exchanged for another.

    What is kept, and what is private, has a graph of its own; each is built when it is first needed, so that a session
    that is only private opens no file.

    Args:
        settings: LLM and SEM, and the folder where conversations are kept.
        runner: The event loop of the session.
        find_sem: From the id of a character to the SEM that reads instead of the settings'; None for these.
    """

    def __init__(
        self,
        settings: Settings,
        runner: asyncio.Runner,
        find_sem: Callable[[str | None], str | None] = lambda character: None,
    ) -> None:
        self.name = ""
        """What the person calls the conversation that is kept; empty where there is none yet."""
        self._settings = settings
        self._runner, self._find_sem = runner, find_sem
        self._resources, self._open_thread = ExitStack(), ExitStack()
        self._kept_graph: Any = None
        self._kept: Conversation | None = None
        self._private: Conversation | None = None

    @property
    def current(self) -> Conversation:
        """Return the conversation that is spoken in."""
        current = self._private or self._kept
        if current is None:
            raise RuntimeError("no conversation is open")
        return current

    @property
    def is_private(self) -> bool:
        """Return whether nothing is recalled and written down."""
        return self._private is not None

    @property
    def store(self) -> BaseStore | None:
        """Return the memory; None where the session never was anything but private."""
        store: BaseStore | None = self._kept_graph.store if self._kept_graph is not None else None
        return store

    def alone(self, waits: Callable[[], None]) -> AbstractContextManager[None]:
        """Return a context in which no other process runs a turn of the person or changes their conversations.

        Args:
            waits: Called where another process does, before it is waited for.
        """
        return nullcontext() if self.is_private else turn_lock(self._settings.home, self._settings.person, waits)

    def open(self, name: str, character: str | None) -> None:
        """Continue or begin the conversation of a name.

        Raises:
            OpenElsewhere: It is open in another process; then the one before stays open.
            Failure: The SEM of the character cannot be loaded; then, too.
        """
        thread = thread_id(self._settings.person, name)
        with ExitStack() as opened:
            opened.enter_context(sole_writer(self._settings.home, thread, name))
            graph = self._with_character_sem(character, self._graph_of_kept())
            self._open_thread.close()
            self._open_thread = opened.pop_all()
        self.name, self._kept = name, Conversation(graph, thread, character)

    def open_of_today(self, character: str | None) -> None:
        """Continue the conversation of today with a character, or with none; begin one after a pause.

        Where it is open in another terminal, another one begins here.
        """
        today = conversation_list.conversation_to_continue(self._settings.home, self._settings.person, character)
        if today is not None:
            try:
                return self.open(today, character)
            except OpenElsewhere:
                pass
        self.open_new(character)

    def open_new(self, character: str | None) -> None:
        """Begin a conversation that is named by the day."""
        taken = conversation_list.conversation_names(self._settings.home, self._settings.person)
        for name in conversation_list.day_names(conversation_list.local_now(), character, {*taken, self.name}):
            try:
                return self.open(name, character)
            except OpenElsewhere:
                continue

    def begin_private(self, messages: list[AnyMessage], character: str | None) -> None:
        """Go on with what was said until now, and keep nothing of what follows."""
        graph = self._with_character_sem(character, self._build(memory=False, checkpointer=InMemorySaver()))
        self._private = Conversation(graph, "private", character)
        self._runner.run(self._private.copy_messages(messages))

    def end_private(self, character: str | None) -> None:
        """Return to the conversation that is kept, or begin one."""
        if self._kept is None:
            self.open_of_today(character)
        self._private = None

    def close(self) -> None:
        """Close the memory and the files."""
        self._open_thread.close()
        self._resources.close()

    def _build(self, *, memory: bool, checkpointer: Any) -> Any:
        return build_graph(self._settings, memory=memory, checkpointer=checkpointer)

    def _with_character_sem(self, character: str | None, graph: Any) -> Any:
        """Return a graph with the SEM that a character states, with memory and conversations of another."""
        sem = self._find_sem(character)
        if sem is None or sem == self._settings.sem:
            return graph
        try:
            return graph_with_sem(self._settings, graph, sem)
        except SetupError as error:
            raise Failure(str(error), MISUSED) from error

    def _graph_of_kept(self) -> Any:
        """Return the graph with the memory and the file of conversations."""
        if self._kept_graph is None:
            with ExitStack() as resources:
                conversations = open_conversations(self._settings.home)
                saver = self._runner.run(conversations.__aenter__())
                resources.callback(lambda: self._runner.run(conversations.__aexit__(None, None, None)))
                self._kept_graph = self._build(memory=True, checkpointer=saver)
                resources.callback(close_memory, self._kept_graph)
                self._resources = resources.pop_all()
        return self._kept_graph
