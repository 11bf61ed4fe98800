"""A turn in danger: answered by a fixed text, read by no model, stored nowhere, and the conversation goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hef.contract import Safety, SafetyEvent, SetupError
from hef.graph import HefContext, create_emotion_graph, create_hef, create_reading_graph, empathy_note
from hef.memory import list_turns, timeline
from hef.safety import ReferralCounter
from hef.sem import shipped_sem
from hosts import parent_graph
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command
from opentelemetry.sdk.trace import TracerProvider
from safety_judges import CONCERN, DANGER, DANGER_ZH, FOUND, judge
from scripted_chat import ScriptedChat

US = HefContext(region="US", user_id="ana")
THREAD: Any = {"configurable": {"thread_id": "t"}}
MODES = ["sync", "async"]


def said(text: str) -> dict[str, Any]:
    return {"messages": [HumanMessage(text)]}


def built(model: Any = None, **arguments: Any) -> Any:
    return create_hef(model=model or ScriptedChat(script=["sad", "I hear you."]), safety=judge, **arguments)


async def invoke(mode: str, hef: Any, *arguments: Any, **named: Any) -> Any:
    return hef.invoke(*arguments, **named) if mode == "sync" else await hef.ainvoke(*arguments, **named)


async def stream(mode: str, hef: Any, *arguments: Any, **named: Any) -> list[Any]:
    if mode == "sync":
        return list(hef.stream(*arguments, **named))
    return [part async for part in hef.astream(*arguments, **named)]


@pytest.mark.parametrize("mode", MODES)
async def test_danger_is_answered_with_the_number_and_no_model_is_asked(mode: str, monkeypatch: Any) -> None:
    model = ScriptedChat(script=["sad", "Cheer up!"])
    hef = built(model).compile()
    monkeypatch.setattr(type(shipped_sem()), "read", lambda *_, **__: pytest.fail("the SEM was asked"))

    out = await invoke(mode, hef, said(DANGER), context=US)

    assert model.prompts == []
    assert isinstance(out["messages"][-1], AIMessage)
    assert "988" in out["messages"][-1].text
    assert "911" in out["messages"][-1].text
    assert out["empathy"].safety == FOUND[DANGER].model_copy(update={"turn": 0})
    assert (out["empathy"].uncertain, out["empathy"].sem, out["empathy"].model) == (True, None, None)
    assert out["empathy"].degraded is None
    assert sum(out["empathy"].distribution.values()) == pytest.approx(1)


def test_danger_in_chinese_is_answered_in_chinese() -> None:
    text = built().compile().invoke(said(DANGER_ZH), context=HefContext(region="CN"))["messages"][-1].text

    assert "12356" in text
    assert not any(letter.isascii() and letter.isalpha() for letter in text)


def test_hefs_own_rules_are_the_default(scripted: Any) -> None:
    model = scripted("sad", "I hear you.")
    hef = create_hef(model=model).compile()

    out = hef.invoke(said("I want to kill myself."), context=US)

    assert out["empathy"].safety.level == "danger"
    assert model.prompts == []
    assert hef.invoke(said("This traffic is killing me."), context=US)["empathy"].safety.level == "none"


@pytest.mark.parametrize("mode", MODES)
async def test_the_reply_is_streamed_word_by_word_as_one_message(mode: str) -> None:
    hef = built().compile()

    parts = await stream(mode, hef, said(DANGER), context=US, stream_mode=["messages", "values"])

    tokens = [data[0] for kind, data in parts if kind == "messages"]
    reply = [data for kind, data in parts if kind == "values"][-1]["messages"][-1]
    assert len(tokens) > 50
    assert all(isinstance(token, AIMessageChunk) for token in tokens)
    assert {token.id for token in tokens} == {reply.id}
    assert "".join(token.text for token in tokens) == reply.text


async def test_events_of_every_kind_carry_the_reply() -> None:
    hef = built().compile()

    streamed = [
        event["data"]["chunk"].text
        async for event in hef.astream_events(said(DANGER), context=US, version="v2")
        if event["event"] == "on_chat_model_stream"
    ]

    assert "".join(streamed) == hef.invoke(said(DANGER), context=US)["messages"][-1].text


def test_a_second_turn_in_danger_is_another_text_and_then_the_conversation_goes_on(scripted: Any) -> None:
    model = scripted("sad", "I am glad that you are safe.")
    hef = built(model).compile(checkpointer=InMemorySaver())

    first = hef.invoke(said(DANGER), THREAD, context=US)["messages"][-1].text
    second = hef.invoke(said(DANGER), THREAD, context=US)["messages"][-1].text
    out = hef.invoke(said("I'm safe now, thank you."), THREAD, context=US.model_copy(update={"ask": "always"}))

    assert first != second
    assert "988" in second
    assert out["messages"][-1].text == "I am glad that you are safe."
    assert out["empathy"].safety == Safety(after_danger=True)
    assert [message.text for message in model.prompts[-1][1:]][1] == first
    assert set(hef.get_state(THREAD).values["explanations"]) >= {"sem_emotion", "fine_emotion"}


def test_in_the_turn_after_danger_the_llm_is_told_so_and_in_the_next_no_more(
    scripted: Any,
) -> None:
    model = scripted("I hear you.")
    hef = built(model).compile(checkpointer=InMemorySaver())
    context = HefContext(strategy="sem_only")

    hef.invoke(said(DANGER), THREAD, context=context)
    outs = [hef.invoke(said(text), THREAD, context=context) for text in ("Ok.", "I bought a bicycle.")]

    told = ["whether they could reach somebody" in prompt[0].text for prompt in model.prompts]
    assert told == [True, False]
    assert [out["messages"][-1].text for out in outs] == ["I hear you.", "I hear you."]
    assert [out["empathy"].safety.level for out in outs] == ["none", "none"]


@pytest.mark.parametrize(("earlier", "after"), [("Meet me at the bridge.", True), ("I want to kill myself.", False)])
def test_whether_the_turn_before_was_in_danger_is_for_the_same_check_to_say(earlier: str, after: bool) -> None:
    def only_bridges(dialogue: Any) -> Safety:
        return Safety(level="danger", kind="suicide") if "bridge" in dialogue[-1].text else Safety()

    hef = create_hef(model=ScriptedChat(script=["I hear you."]), safety=only_bridges).compile()
    conversation = [HumanMessage(earlier), AIMessage("Yes."), HumanMessage("I bought a bicycle.")]

    out = hef.invoke({"messages": conversation}, context=HefContext(strategy="sem_only"))

    assert out["empathy"].safety.after_danger is after


def test_a_client_that_sends_the_conversation_anew_is_not_told_the_same_twice() -> None:
    hef = built().compile()
    first = hef.invoke(said(DANGER), context=US)["messages"][-1].text

    sent_again = [HumanMessage(DANGER), AIMessage(first), HumanMessage(DANGER)]

    assert hef.invoke({"messages": sent_again}, context=US)["messages"][-1].text != first


def test_what_an_earlier_turn_explained_or_left_out_is_gone(scripted: Any) -> None:
    model = scripted(ValueError("broken"), "I hear you.")
    hef = built(model).compile(checkpointer=InMemorySaver())
    earlier = hef.invoke(said("My dog died."), THREAD, context=HefContext(ask="always"))

    out = hef.invoke(said(DANGER), THREAD, context=US)
    state = hef.get_state(THREAD).values

    assert earlier["empathy"].degraded
    assert out["empathy"].degraded is None
    assert set(state["explanations"]) == {"safety"}
    assert state["memories"] == []


def test_nothing_of_danger_is_remembered_and_nothing_later_is_coloured_by_it(scripted: Any) -> None:
    store = InMemoryStore()
    hef = built().compile(store=store, checkpointer=InMemorySaver())

    hef.invoke(said(DANGER), THREAD, context=US)
    assert list_turns(store, "ana") == []
    hef.invoke(said("I bought a bicycle."), THREAD, context=US)

    (turn,) = list_turns(store, "ana")
    assert turn.text == "I bought a bicycle."
    assert "988" not in turn.reply


def test_where_the_host_says_so_danger_is_remembered_without_an_emotion() -> None:
    store = InMemoryStore()
    hef = built().compile(store=store)

    hef.invoke(said(DANGER), context=HefContext(user_id="ana", remember_danger=True))
    hef.invoke(said(DANGER), context=HefContext(user_id="bo", remember_danger=True, remember=False))

    (turn,) = list_turns(store, "ana")
    assert (turn.text, turn.emotion, turn.probability) == (DANGER, None, None)
    assert timeline([turn]) == []
    assert list_turns(store, "bo") == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_hooks_of_either_kind_are_told_of_danger_and_concern_alone(mode: str, kind: str) -> None:
    told: list[SafetyEvent] = []

    async def later(event: SafetyEvent) -> None:
        await asyncio.sleep(0)
        told.append(event)

    hef = built(on_safety=told.append if kind == "sync" else later).compile(checkpointer=InMemorySaver())
    for text in (DANGER, CONCERN, "I bought a bicycle."):
        await invoke(mode, hef, said(text), THREAD, context=US)

    assert [event.safety.level for event in told] == ["danger", "concern"]
    assert told[0] == SafetyEvent(
        safety=FOUND[DANGER].model_copy(update={"turn": 0}), text=DANGER, region="US", user_id="ana", thread="t"
    )


def test_a_hook_that_fails_is_named_and_the_others_and_the_reply_are_not_lost() -> None:
    told: list[SafetyEvent] = []

    def broken(event: SafetyEvent) -> None:
        raise OSError(f"the pager is broken at {event.text}")

    out = built(on_safety=[broken, told.append]).compile().invoke(said(DANGER), context=US)

    assert "988" in out["messages"][-1].text
    assert len(told) == 1
    assert out["empathy"].degraded == "a hook of this graph failed: OSError"


def test_a_custom_event_says_what_was_found_and_none_of_a_harmless_turn() -> None:
    hef = built().compile()

    (event,) = hef.stream(said(DANGER), context=US, stream_mode="custom")
    harmless = hef.stream(said("I bought a bicycle."), context=US, stream_mode="custom")

    assert event["hef"] == "safety"
    assert (event["level"], event["kind"], event["words"]) == ("danger", "suicide", ("end my life",))
    assert "safety" not in [event["hef"] for event in harmless]


def test_the_span_has_an_event_without_words_and_no_call_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace.get_tracer", lambda name: provider.get_tracer(name))

    built().compile().invoke(said(DANGER), context=US)

    spans = {span.name: span for span in exporter.get_finished_spans()}
    (event,) = spans["hef.safety"].events
    assert dict(event.attributes or {}) == {
        "hef.safety.level": "danger",
        "hef.safety.kind": "suicide",
        "hef.safety.language": "en",
        "hef.safety.region": "US",
    }
    assert "gen_ai.operation.name" not in (spans["hef.crisis_reply"].attributes or {})
    assert not [span.name for span in spans.values() if "end my life" in span.to_json()]


def test_a_check_may_be_an_object_or_asynchronous(scripted: Any) -> None:
    class Judge:
        def assess(self, dialogue: Any) -> Safety:
            return judge(dialogue)

    async def later(dialogue: Any) -> Safety:
        await asyncio.sleep(0)
        return judge(dialogue)

    for check in (Judge(), later):
        hef = create_hef(model=scripted("sad", "I hear you."), safety=check).compile()
        assert hef.invoke(said(DANGER), context=US)["empathy"].safety.level == "danger"


@pytest.mark.parametrize("mode", MODES)
async def test_an_asynchronous_graph_awaits_the_method_that_belongs_to_the_check(mode: str, scripted: Any) -> None:
    class Both:
        def assess(self, dialogue: Any) -> Safety:
            return Safety(level="concern", kind="suicide") if mode == "sync" else Safety()

        async def aassess(self, dialogue: Any) -> Safety:
            return Safety(level="concern", kind="abuse")

    class Stricter(Both):
        def assess(self, dialogue: Any) -> Safety:
            return FOUND[DANGER]

    async def kind(check: Any) -> str:
        hef = create_hef(model=scripted("sad", "I hear you."), safety=check).compile()
        return (await invoke(mode, hef, said("hello"), context=US))["empathy"].safety.kind

    assert await kind(Both()) == ("suicide" if mode == "sync" else "abuse")
    assert await kind(Stricter()) == FOUND[DANGER].kind


def test_a_check_that_fails_is_not_asked_about_the_turn_before(scripted: Any) -> None:
    asked: list[int] = []

    def broken(dialogue: Any) -> Any:
        asked.append(len(dialogue))
        raise TimeoutError

    hef = create_hef(model=scripted("sad", "x"), safety=broken).compile()
    hef.invoke({"messages": [("user", "hi"), ("ai", "Hello."), ("user", "soup for lunch")]})

    assert asked == [3]


@pytest.mark.parametrize("answer", [ValueError("down"), "danger", {"level": "grave"}])
def test_where_another_check_fails_hefs_own_rules_look(answer: Any, scripted: Any) -> None:
    def broken(dialogue: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    out = create_hef(model=scripted("sad", "x"), safety=broken).compile().invoke(said("I want to kill myself."))

    assert out["empathy"].safety.level == "danger"
    assert out["empathy"].degraded.startswith("the check of this graph could not look for danger: ")


def test_switched_off_nothing_is_found(scripted: Any) -> None:
    model = scripted("sad", "I hear you.")

    out = create_hef(model=model, safety=None).compile().invoke(said("I want to kill myself."))

    assert out["messages"][-1].text == "I hear you."
    assert out["empathy"].safety == Safety()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"safety": 3}, "safety is a int"),
        ({"safety": Safety}, "safety is the class Safety"),
        ({"on_safety": ReferralCounter}, "on_safety is the class ReferralCounter"),
        ({"on_safety": {print}}, "a list of them"),
        ({"on_safety": 3}, "on_safety is a int"),
        ({"on_safety": [print, "x"]}, "on_safety is a str"),
    ],
)
def test_what_is_no_check_or_hook_is_refused(arguments: Any, complaint: str, scripted: Any) -> None:
    with pytest.raises(SetupError, match=complaint):
        create_hef(model=scripted("x"), **arguments)


@pytest.mark.parametrize("mode", MODES)
async def test_a_human_takes_over_after_the_reply(mode: str) -> None:
    hef = built().compile(checkpointer=InMemorySaver(), store=InMemoryStore())
    context = US.model_copy(update={"safety_handoff": True})

    paused = await invoke(mode, hef, said(DANGER), THREAD, context=context)
    request = paused["__interrupt__"][0].value["action_requests"][0]
    assert "988" in paused["messages"][-1].text
    assert request["args"]["text"] == paused["messages"][-1].text
    assert '"end my life"' in request["description"]

    parts = await stream(
        mode, hef, Command(resume="This is Ben. I am here."), THREAD, context=context, stream_mode="messages"
    )
    texts = [message.text for message in hef.get_state(THREAD).values["messages"]]
    assert "".join(part[0].text for part in parts) == "This is Ben. I am here."
    assert texts == [DANGER, paused["messages"][-1].text, "This is Ben. I am here."]


APPROVED = [{"decisions": [{"type": "approve"}]}, "approve", " Approve\n", "", {"text": " "}, {"text": "approve"}]
EDIT = {"type": "edit", "edited_action": {"name": "human_takeover", "args": {"text": "I am here."}}}
WRITTEN = [
    {"decisions": [EDIT]},
    EDIT,
    {"type": "respond", "message": "I am here."},
    "I am here.",
    {"text": "I am here."},
]


@pytest.mark.parametrize("answer", [None, *APPROVED, *WRITTEN])
def test_a_human_may_leave_it_at_the_reply_or_answer_as_an_inbox_does(answer: Any) -> None:
    hef = built().compile(checkpointer=InMemorySaver())
    context = US.model_copy(update={"safety_handoff": True})
    (pause,) = hef.invoke(said(DANGER), THREAD, context=context)["__interrupt__"]

    out = hef.invoke(Command(resume={pause.id: answer}), THREAD, context=context)

    added = [message.text for message in out["messages"][2:]]
    assert added == (["I am here."] if answer in WRITTEN else [])
    assert not hef.get_state(THREAD).next


def test_without_a_checkpointer_no_human_can_take_over_and_the_turn_says_so() -> None:
    out = built().compile().invoke(said(DANGER), context=US.model_copy(update={"safety_handoff": True}))

    assert "988" in out["messages"][-1].text
    assert out["empathy"].degraded == "no human was asked to take over: a pause needs a checkpointer"


def test_whoever_writes_on_instead_of_waiting_for_the_human_is_answered(scripted: Any) -> None:
    hef = built().compile(checkpointer=InMemorySaver())
    context = US.model_copy(update={"safety_handoff": True})
    hef.invoke(said(DANGER), THREAD, context=context)

    out = hef.invoke(said("I'm safe now."), THREAD, context=context)

    assert out["messages"][-1].text == "I hear you."


@pytest.mark.parametrize("mode", MODES)
async def test_inside_a_parent_the_reply_is_streamed_and_returned_under_its_name(mode: str) -> None:
    bot = parent_graph(built().compile(), context=HefContext)

    parts = await stream(mode, bot, said(DANGER), context=US, stream_mode="messages", subgraphs=True)
    out = await invoke(mode, bot, said(DANGER), context=US)

    assert len(parts) > 50
    assert (out["messages"][-1].name, out["empathy"].safety.level) == ("hef", "danger")


def test_a_fork_with_other_words_leaves_the_danger_and_a_replay_repeats_it() -> None:
    hef = built().compile(checkpointer=InMemorySaver())
    hef.invoke(said(DANGER), THREAD, context=US)
    point = next(state for state in hef.get_state_history(THREAD) if state.next == ("safety",))

    replayed = hef.invoke(None, point.config, context=US)
    harmless = [HumanMessage("I bought a bicycle.", id=point.values["messages"][-1].id)]
    forked = hef.invoke(None, hef.update_state(point.config, {"messages": harmless}, "__start__"), context=US)

    assert "988" in replayed["messages"][-1].text
    assert forked["messages"][-1].text == "I hear you."
    assert forked["empathy"].safety == Safety()


def test_a_state_that_a_person_edits_to_danger_is_answered_so() -> None:
    hef = built().compile(checkpointer=InMemorySaver())
    hef.invoke(said("I bought a bicycle."), THREAD, context=US)
    point = next(state for state in hef.get_state_history(THREAD) if "sem_emotion" in state.next)
    found = {"level": "danger", "kind": "self_harm", "language": "en"}
    config = hef.update_state(point.config, {"safety": found}, "safety")

    assert hef.get_state(config).next == ("crisis_reply",)


@pytest.mark.parametrize("build", [create_reading_graph, create_emotion_graph])
def test_graphs_without_a_reply_end_at_the_finding(build: Any, scripted: Any) -> None:
    model = scripted("sad")
    read = build(model=model, safety=judge).compile()

    out = read.invoke(said(DANGER), context=HefContext(ask="always"))

    assert out["empathy"].safety.level == "danger"
    assert model.prompts == []
    note = empathy_note(out["empathy"], region="US")
    assert "988" in note
    assert '"end my life"' in note
    assert "feels" not in note


def test_an_early_reply_is_never_begun_in_danger() -> None:
    model = ScriptedChat(script=["sad", "Cheer up!"])

    out = built(model).compile().invoke(said(DANGER), context=HefContext(early_reply=True, ask="always"))

    assert model.prompts == []
    assert "Cheer up!" not in out["messages"][-1].text
