"""What a node sees: its run, with settings, thread and the graph around it, and its turn.

Of the turn it sees the dialogue, and the LLM's verdict where it is of this turn.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from langchain_core.messages import BaseMessage
from langgraph.config import get_config
from langgraph.constants import CONFIG_KEY_CHECKPOINTER
from langgraph.runtime import Runtime

from ...contract import Cause, HefContext, HefState, Reading, Safety, Turn, Verdict, as_context
from ...contract.settings.dialogue_limit import question_limit
from ...contract.user_identity import user_of_run
from ...sem.language import unread_language
from .transcript import SpokenPart, count_turns, recent_dialogue, run_key, spoken_parts

Update: TypeAlias = dict[str, Any]
"""What a node writes: state key -> value."""

NS_SEP, NS_END = "|", ":"
"""In a checkpoint namespace: between graph and subgraph, and between a node and the id of its task."""

REPLACED_TEXTS = "replaced_texts"
"""Key of the config for what the person said in turns that this one replaces: it is not recalled."""


_INVALID_IN_NAME = re.compile(r"[\s<|\\/>]+")


class Node(Protocol):
    """A node: a plain function from state and runtime to an update of the state."""

    def __call__(self, state: HefState, runtime: Runtime[Any]) -> Update:
        """Return what the node writes."""
        ...


def run_settings(runtime: Runtime[Any]) -> HefContext:
    """Return the settings of this run; `user_id` may also be in the config's `configurable`.

    Raises:
        SetupError: The user id is none.
    """
    context = as_context(runtime.context)
    return context.model_copy(update={"user_id": user_of_run(context, _configurable())})


def thread_id() -> str | None:
    """Return the thread of this run, None without one."""
    thread = _configurable().get("thread_id")
    return None if thread is None else str(thread)


def turn_of_host() -> tuple[str | None, int | None]:
    """Return what identifies the turn of this run and which turn it is, where the host keeps count of them itself.

    They are `turn_key` and `turn_number` of the config's `configurable`.
    """
    key, number = _configurable().get("turn_key"), _configurable().get("turn_number")
    return key if isinstance(key, str) and key else None, number if isinstance(number, int) and number > 0 else None


def is_served() -> bool:
    """Return whether a client of a LangGraph server started this run: only a server has assistants."""
    return _configurable().get("assistant_id") is not None


def can_pause() -> bool:
    """Return whether this run can be interrupted and resumed, which needs a checkpointer, HEF's or a parent's."""
    return _configurable().get(CONFIG_KEY_CHECKPOINTER) is not None


def parent_node_name() -> str | None:
    """Return the name of the parent's node that HEF runs in, None where HEF is not part of another graph."""
    namespace = str(_configurable().get("checkpoint_ns") or "")
    # A parent's node with several graphs numbers them: those parts are digits alone.
    parts = [part.partition(NS_END)[0] for part in namespace.split(NS_SEP) if not part.isdigit()]
    return parts[-2] if len(parts) > 1 else None


def with_agent_name(message: BaseMessage) -> BaseMessage:
    """Return a reply with the name of the agent who wrote it, so that a supervisor can tell its agents apart.

    Characters that providers refuse in a name (such as spaces) become `_`.
    """
    name = parent_node_name()
    if not name or message.name:
        return message
    return message.model_copy(update={"name": _INVALID_IN_NAME.sub("_", name)})


def replaced_texts() -> set[str]:
    """Return what the person said in the turns that this one takes the place of, as the host's config says."""
    return set(_configurable().get(REPLACED_TEXTS) or ())


def _configurable() -> Mapping[str, Any]:
    return get_config().get("configurable") or {}


@dataclass(frozen=True)
class TurnView:
    """What a node reads of its turn; each part is computed once, when it is first asked for."""

    state: HefState
    """The graph's state."""
    settings: HefContext
    """Settings of the run."""
    has_store: bool = False
    """Whether the graph has a store, so that turns can be remembered."""

    @property
    def conversation(self) -> list[Turn]:
        """The newest turns up to the people's last one, oldest first; what they say in a row is one turn.

        Raises:
            InputError: Nobody has said anything yet.
        """
        return self._recent[0]

    @property
    def dialogue(self) -> list[Turn]:
        """The same as the person lives it: where several people with names speak, it is who spoke last.

        What the others say is said to them, so that nobody's feeling is read in the words of somebody else.

        Raises:
            InputError: Nobody has said anything yet.
        """
        return [part.turn for part in self._parts] if self._parts else self.conversation

    def in_conversation(self, cause: Cause, shown: Sequence[Turn]) -> Cause:
        """Return a cause word with its place in the conversation.

        Args:
            cause: Counts within the turns that were shown.
            shown: The newest of `dialogue`, of the last of which, if it is very long, the beginning is left out.
        """
        index = cause.turn - len(shown)
        hidden = len(self.dialogue[index].text) - len(shown[index].text)
        turn_index = len(self.dialogue) + index
        if self._parts:
            turn_index, start = self._parts[index].index, self._parts[index].start
            hidden += start
        position = {"turn": self.earlier_turns + turn_index, "start": cause.start + hidden, "end": cause.end + hidden}
        return cause.model_copy(update=position)

    @cached_property
    def earlier_turns(self) -> int:
        """How many turns came before `dialogue`."""
        return count_turns(self.state["messages"][: self._recent[1]])

    @property
    def safety(self) -> Safety:
        """Whether somebody is in danger."""
        return self.state.get("safety") or Safety()

    @property
    def is_safety_pending(self) -> bool:
        """Whether an LLM has still to look for danger in this turn."""
        return bool(self.state.get("safety_pending"))

    @property
    def readings(self) -> list[Reading]:
        """What the SEM read, one reading per round."""
        return self.state.get("readings") or []

    def unread_language(self, languages: Collection[str]) -> str:
        """Return the name of the language of the person's last turn where a SEM does not read it; empty where it does.

        Args:
            languages: Codes of the SEM's languages.
        """
        return unread_language(self.dialogue, languages)

    @cached_property
    def key(self) -> str:
        """What identifies this run of the turn in its thread."""
        return run_key(self.state["messages"])

    @cached_property
    def verdict(self) -> Verdict | None:
        """The LLM's verdict, None where an earlier run left it in the thread.

        An emotion that a person put in the place of the LLM's answer does not have the likelihoods of that answer, and
        counts also where the LLM named none or was not asked.
        """
        verdict = self.state.get("verdict")
        if verdict is None or verdict.turn != self.key:
            return None
        if verdict.answer == verdict.emotion:
            return verdict
        edit: dict[str, Any] = {"answer": None, "words": "", "likelihoods": None, "reliability": None}
        if verdict.emotion is not None and verdict.form == "none":
            edit |= {"neutral": False, "left_to_sem": False, "form": "generated"}
        return verdict.model_copy(update=edit)

    @property
    def is_emotion_edited(self) -> bool:
        """Whether a person put the verdict's emotion in the place of an answer in words, or of none."""
        verdict = self.state.get("verdict")
        if self.verdict is None or verdict is None or verdict.emotion is None or verdict.answer == verdict.emotion:
            return False
        return verdict.answer is not None or verdict.form == "none"

    @cached_property
    def disputed_verdict(self) -> Verdict | None:
        """The verdict that the SEM is asked again about, None in the first round of a run.

        A run that failed leaves a verdict of its own, and the same message sent again has the same key: only one that
        led to another round counts.
        """
        settings, verdict = self.settings, self.verdict
        max_requeries = settings.max_requeries if settings.strategy == "two_stage" else 0
        if verdict is None or verdict.agreed or not self.readings or verdict.requeries >= max_requeries:
            return None
        return verdict

    @cached_property
    def _parts(self) -> list[SpokenPart]:
        turns, earlier_messages = self._recent
        return spoken_parts(self.state["messages"][earlier_messages:], len(turns))

    @cached_property
    def _recent(self) -> tuple[list[Turn], int]:
        return recent_dialogue(self.state["messages"], question_limit(self.settings.dialogue_limit))


def turn_view(state: HefState, runtime: Runtime[Any]) -> TurnView:
    """Return the view of a node on its turn."""
    return TurnView(state, run_settings(runtime), runtime.store is not None)
