"""A parent's store and checkpointer, per-invocation and per-thread memory, and interrupts inside HEF."""

from __future__ import annotations

from typing import Any

import pytest
from hef.graph import Empathy, HefContext, create_hef
from hef.memory import list_turns
from hef.sem import shipped_sem
from hosts import message_texts, parent_graph, thread_config, turn_input
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

ANA = {"user_id": "ana"}
TURN = [("human", "I won the race today!"), ("ai", "Well done!")]


class AskingSem:
    """The shipped SEM, which asks before it reads."""

    def __init__(self) -> None:
        self._sem = shipped_sem()
        self.description = self._sem.description
        self.answers: list[Any] = []

    def read(self, dialogues: Any, *, views: Any = None) -> Any:
        """Read when somebody has said that it may."""
        self.answers.append(interrupt({"question": "May the emotion be read?"}))
        return self._sem.read(dialogues, views=views)

    def causes(self, dialogues: Any, emotions: Any) -> Any:
        """Return the cause words."""
        return self._sem.causes(dialogues, emotions)


def hef(scripted: Any, **kwargs: Any) -> Any:
    return create_hef(model=scripted("proud", "Well done!")).compile(**kwargs)


def namespaces(saver: InMemorySaver, thread: str) -> set[str]:
    return {namespace.split(":")[0] for namespace in saver.storage[thread]}


def test_the_parents_store_is_used_and_the_thread_is_the_parents(scripted: Any) -> None:
    store = InMemoryStore()
    graph = parent_graph(hef(scripted), checkpointer=InMemorySaver(), store=store)

    graph.invoke(turn_input(), thread_config("monday"), context=ANA)
    graph.invoke(turn_input("And I got a medal for it."), thread_config("monday"), context=ANA)
    out = graph.invoke(turn_input("I think of the race."), thread_config("friday"), context=ANA)

    turns = list_turns(store, "ana")
    assert [(turn.thread, turn.turn, turn.reply) for turn in reversed(turns)] == [
        ("monday", 1, "Well done!"),
        ("monday", 2, "Well done!"),
        ("friday", 1, "Well done!"),
    ]
    assert {turn.id for turn in turns if turn.thread == "monday"} == set(out["empathy"].memories)


def test_without_a_store_and_a_checkpointer_none_is_made(scripted: Any) -> None:
    embedded = hef(scripted)

    out = parent_graph(embedded).invoke(turn_input(), context=ANA)

    assert (embedded.store, embedded.checkpointer) == (None, None)
    assert (out["empathy"].memories, out["empathy"].degraded) == ((), None)


@pytest.mark.parametrize(("memory", "held"), [(None, {"", "hef"}), (True, {"", "hef"}), (False, {""})])
def test_hefs_steps_stand_in_the_parents_checkpointer_unless_it_is_off(memory: Any, held: Any, scripted: Any) -> None:
    saver = InMemorySaver()

    parent_graph(hef(scripted, checkpointer=memory), checkpointer=saver).invoke(turn_input(), thread_config("monday"))

    assert namespaces(saver, "monday") == held


@pytest.mark.parametrize("memory", [None, True, False])
def test_a_parents_conversation_is_whole_with_every_kind_of_memory(memory: Any, scripted: Any) -> None:
    graph = parent_graph(hef(scripted, checkpointer=memory), checkpointer=InMemorySaver())

    graph.invoke(turn_input(), thread_config("monday"))
    out = graph.invoke(turn_input("And a medal."), thread_config("monday"))

    assert message_texts(out) == [*TURN, ("human", "And a medal."), ("ai", "Well done!")]


class Question(TypedDict):
    question: str
    seen: int


@pytest.mark.parametrize(("memory", "seen"), [(None, [1, 1]), (True, [1, 2]), (False, [1, 1])])
def test_a_parent_that_hands_over_the_new_message_alone_is_remembered_per_thread(
    memory: Any, seen: list[int], scripted: Any
) -> None:
    embedded = hef(scripted, checkpointer=memory)

    def ask(state: Question) -> dict[str, Any]:
        out = embedded.invoke(turn_input(state["question"]))
        return {"seen": sum(message.type == "human" for message in out["messages"])}

    graph: Any = StateGraph(Question).add_node("ask", ask).add_edge(START, "ask")
    graph = graph.compile(checkpointer=InMemorySaver())

    assert [graph.invoke({"question": text}, thread_config("monday"))["seen"] for text in ("one", "two")] == seen
    assert graph.invoke({"question": "one"}, thread_config("friday"))["seen"] == 1


@pytest.mark.parametrize("memory", [None, True])
@pytest.mark.parametrize("node", ["sem_emotion", "fine_emotion", "draft_response", "remember"])
def test_a_breakpoint_inside_hef_pauses_the_parent_and_goes_on(node: str, memory: Any, scripted: Any) -> None:
    store = InMemoryStore()
    embedded = hef(scripted, checkpointer=memory, interrupt_before=[node])
    graph = parent_graph(embedded, checkpointer=InMemorySaver(), store=store)

    graph.invoke(turn_input(), thread_config("monday", **ANA))
    (task,) = graph.get_state(thread_config("monday"), subgraphs=True).tasks
    out = graph.invoke(None, thread_config("monday", **ANA))

    assert node in task.state.next
    assert message_texts(out) == TURN
    assert [turn.reply for turn in list_turns(store, "ana")] == ["Well done!"]


def test_a_question_inside_hef_reaches_the_parent_and_its_answer_comes_back(
    scripted: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store, sem = InMemoryStore(), AskingSem()
    parent_graph(hef(scripted), store=store).invoke(turn_input("I ran every day."), thread_config("sunday", **ANA))
    embedded = create_hef(model=scripted("proud", "Well done!"), sem=sem).compile()
    graph = parent_graph(embedded, checkpointer=InMemorySaver(), store=store)

    asked = graph.invoke(turn_input(), thread_config("monday", **ANA))
    out = graph.invoke(Command(resume="yes"), thread_config("monday", **ANA))

    assert [one.value for one in asked["__interrupt__"]] == [{"question": "May the emotion be read?"}]
    assert sem.answers == ["yes"]
    assert message_texts(out) == TURN
    assert (len(out["empathy"].memories), out["empathy"].degraded) == (1, None)
    assert len(list_turns(store, "ana")) == 2
    assert caplog.messages == []


async def test_a_question_inside_hef_comes_back_when_awaited_too(scripted: Any) -> None:
    embedded = create_hef(model=scripted("proud", "Well done!"), sem=AskingSem()).compile()
    graph = parent_graph(embedded, checkpointer=InMemorySaver())

    asked = await graph.ainvoke(turn_input(), thread_config("monday"))
    out = await graph.ainvoke(Command(resume="yes"), thread_config("monday"))

    assert asked["__interrupt__"]
    assert message_texts(out) == TURN


def test_an_empathy_that_a_person_edits_as_json_is_an_empathy_again(scripted: Any) -> None:
    graph = hef(scripted, checkpointer=InMemorySaver(), interrupt_before=["cause_words"])
    graph.invoke(turn_input(), thread_config("monday"))
    decided = graph.get_state(thread_config("monday")).values["empathy"]

    graph.update_state(
        thread_config("monday"), {"empathy": {**decided.model_dump(mode="json"), "emotion": "surprised"}}
    )
    out = graph.invoke(None, thread_config("monday"), context=HefContext())

    assert isinstance(out["empathy"], Empathy)
    assert out["empathy"].emotion == "surprised"
