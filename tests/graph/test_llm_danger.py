"""A check that asks an LLM looks for danger beside the judgement: it takes no time, and no reply leaves before it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hef.contract import Dialogue, Safety, SafetyEvent, SetupError, Turn
from hef.graph import HefContext, HefMiddleware, create_emotion_graph, create_hef, create_reading_graph
from hef.memory import list_turns
from hef.nodes.drafting.early_reply import UNUSED
from hef.safety import LlmSafetyCheck, assess
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command
from safety_judges import CONCERN, DANGER, FOUND, judge
from scripted_chat import ScriptedChat
from two_calls import Gate, TwoCallChat

US = HefContext(region="US", user_id="ana", early_reply=True)
MODES = ["sync", "async"]
SAID = "My dog died last night."
LLM_DANGER = Safety(level="danger", kind="suicide", words=("last night",), turn=0)
LLM_CONCERN = LLM_DANGER.model_copy(update={"level": "concern"})


class TwoPartCheck:
    """Sees at once what `judge` sees; its second part waits at a gate and finds something else."""

    def __init__(self, finding: Safety | Exception = LLM_DANGER) -> None:
        self.finding, self.asked = finding, 0
        self.began, self.gate = Gate(is_open=False), Gate()

    def assess_at_once(self, dialogue: Dialogue) -> Safety:
        return judge(dialogue)

    def assess(self, dialogue: Dialogue) -> Safety:
        self._begin()
        self.gate.wait()
        return self._found()

    async def aassess(self, dialogue: Dialogue) -> Safety:
        self._begin()
        await self.gate.await_()
        return self._found()

    def _begin(self) -> None:
        self.asked += 1
        self.began.open()

    def _found(self) -> Safety:
        if isinstance(self.finding, Exception):
            raise self.finding
        return self.finding


def said(text: str = SAID) -> Any:
    return {"messages": [HumanMessage(text)]}


async def run(mode: str, hef: Any, text: Any = SAID, context: HefContext = US, **named: Any) -> Any:
    graph_input = said(text) if isinstance(text, str) else text
    if mode == "sync":
        return await asyncio.to_thread(lambda: hef.invoke(graph_input, context=context, **named))
    return await hef.ainvoke(graph_input, context=context, **named)


async def nodes(mode: str, hef: Any, context: HefContext, text: str = SAID) -> list[str]:
    """Return the nodes that run in a turn, in their order."""
    if mode == "sync":
        updates = await asyncio.to_thread(lambda: list(hef.stream(said(text), context=context, stream_mode="updates")))
    else:
        updates = [part async for part in hef.astream(said(text), context=context, stream_mode="updates")]
    return [name for update in updates for name in update]


@pytest.mark.parametrize("mode", MODES)
async def test_check_judgement_and_reply_are_begun_side_by_side(mode: str) -> None:
    check, model = TwoPartCheck(Safety()), TwoCallChat()
    check.gate, model.judging = model.began, check.began  # each waits for another one to begin

    out = await run(mode, create_hef(model=model, safety=check).compile())

    assert out["messages"][-1].text == "I hear you."
    assert (check.asked, model.judgements, model.ended) == (1, 1, ["written"])
    assert out["empathy"].degraded is None


@pytest.mark.parametrize("mode", MODES)
async def test_a_reply_is_begun_beside_the_check_where_the_sem_is_sure(mode: str) -> None:
    check, model = TwoPartCheck(Safety()), TwoCallChat(judgement="grateful")
    check.gate = model.began
    settings = US.model_copy(update={"ask": "unsure"})

    sure = "I am so grateful that my neighbour helped me."
    out = await run(mode, create_hef(model=model, safety=check).compile(), sure, settings)

    assert model.judgements == 0
    assert (out["messages"][-1].text, check.asked, model.ended) == ("I hear you.", 1, ["written"])


def test_a_judgement_that_was_given_up_for_danger_is_not_asked_for_anew() -> None:
    model = TwoCallChat(judging=Gate(is_open=False))
    hef = create_hef(model=model, safety=TwoPartCheck()).compile()

    parts: Any = hef.stream({"messages": [HumanMessage("My dog died last night.")]}, context=US, stream_mode="messages")
    text = "".join(message.text for message, _ in parts)
    model.judging.open()
    for thread in threading.enumerate():
        if thread.name in ("hef-call", "hef-early-reply"):
            thread.join(10)

    assert "988" in text
    assert (model.lines, model.judgements) == (1, 1)


@pytest.mark.parametrize("mode", MODES)
async def test_danger_that_the_llm_finds_is_answered_by_the_fixed_text_alone(mode: str) -> None:
    model, store, told = TwoCallChat(), InMemoryStore(), list[SafetyEvent]()
    model.writing = Gate(is_open=False)  # the draft never ends by itself
    hef = create_hef(model=model, safety=TwoPartCheck(), on_safety=told.append).compile(store=store)

    out = await run(mode, hef)

    assert "988" in out["messages"][-1].text
    assert len(out["messages"]) == 2
    assert (out["empathy"].safety, out["empathy"].uncertain, out["empathy"].sem) == (LLM_DANGER, True, None)
    assert [event.safety for event in told] == [LLM_DANGER]
    assert list_turns(store, "ana") == []
    model.writing.open()


@pytest.mark.parametrize("mode", MODES)
async def test_no_token_of_a_drafted_reply_is_streamed_in_danger(mode: str) -> None:
    hef = create_hef(model=TwoCallChat(), safety=TwoPartCheck()).compile()

    def streamed() -> list[Any]:
        return list(hef.stream(said(), context=US, stream_mode="messages"))

    parts = (
        await asyncio.to_thread(streamed)
        if mode == "sync"
        else [part async for part in hef.astream(said(), context=US, stream_mode="messages")]
    )
    assert {metadata["langgraph_node"] for chunk, metadata in parts if isinstance(chunk, AIMessageChunk)} == {
        "crisis_reply"
    }


@pytest.mark.parametrize("mode", MODES)
async def test_danger_that_is_seen_at_once_asks_no_llm(mode: str) -> None:
    check, model, told = TwoPartCheck(), TwoCallChat(), list[SafetyEvent]()
    hef = create_hef(model=model, safety=check, on_safety=told.append).compile()

    out = await run(mode, hef, DANGER)

    assert (check.asked, model.judgements, model.prompts) == (0, 0, [])
    assert "988" in out["messages"][-1].text
    assert len(told) == 1


@pytest.mark.parametrize("mode", MODES)
async def test_a_concern_that_the_llm_finds_reaches_a_new_draft_and_the_line_after_it(mode: str) -> None:
    model = TwoCallChat()

    out = await run(mode, create_hef(model=model, safety=TwoPartCheck(LLM_CONCERN)).compile())

    first, used = (str(prompt) for prompt in model.prompts)
    assert used != first, "the early reply knew nothing of the concern"
    assert "private note" not in used, "a hosted LLM is told nothing of the feeling, early or late"
    assert "988" in out["messages"][-1].text
    assert out["empathy"].safety.level == "concern"


@pytest.mark.parametrize("mode", MODES)
async def test_the_early_reply_serves_where_the_llm_finds_what_was_known(mode: str) -> None:
    known = FOUND[CONCERN].model_copy(update={"turn": 0})
    model, told = TwoCallChat(), list[SafetyEvent]()
    hef = create_hef(model=model, safety=TwoPartCheck(known), on_safety=told.append).compile()

    out = await run(mode, hef, CONCERN)

    assert (len(model.prompts), model.ended) == (1, ["written"])
    assert out["empathy"].safety == known
    assert len(told) == 1, "what is known at once is told of when the LLM has answered"


@pytest.mark.parametrize("mode", MODES)
async def test_where_the_llm_fails_hefs_own_check_looks_and_the_turn_says_so(mode: str) -> None:
    hef = create_hef(model=TwoCallChat(), safety=TwoPartCheck(ValueError("late"))).compile()

    harmless = await run(mode, hef, "I had soup for lunch.")
    danger = await run(mode, hef, "I want to kill myself.")

    assert harmless["messages"][-1].text == "I hear you."
    assert harmless["empathy"].degraded == "the check of this graph could not look for danger: ValueError"
    assert "988" in danger["messages"][-1].text


@pytest.mark.parametrize("mode", MODES)
async def test_the_sem_is_not_asked_again_for_somebody_in_danger(mode: str) -> None:
    model = TwoCallChat(judgement="joyful")  # far from what the SEM reads
    context = US.model_copy(update={"primary": 1, "max_requeries": 2})
    hef = create_hef(model=model, safety=TwoPartCheck()).compile()

    assert [name for name in await nodes(mode, hef, context) if name == "sem_emotion"] == ["sem_emotion"]


@pytest.mark.parametrize("mode", MODES)
async def test_danger_does_not_wait_for_a_judgement_that_hangs(mode: str) -> None:
    model = TwoCallChat(judging=Gate(is_open=False))

    out = await asyncio.wait_for(run(mode, create_hef(model=model, safety=TwoPartCheck()).compile()), 4)

    assert "988" in out["messages"][-1].text
    model.judging.open()


@pytest.mark.parametrize("mode", MODES)
async def test_danger_that_rules_alone_see_is_asked_for_before_anything_is_read(mode: str) -> None:
    text = "林黛玉到底是病死的还是自杀的"
    for answer, level in (("danger | suicide | 自杀", "danger"), ("none", "concern")):
        checking, model, told = ScriptedChat(script=[answer]), TwoCallChat(), list[SafetyEvent]()
        hef = create_hef(model=model, safety=LlmSafetyCheck(checking), on_safety=told.append).compile()
        out = await run(mode, hef, text)
        assert (out["empathy"].safety.level, len(checking.prompts), len(told)) == (level, 1, 1)
        assert ("sem_emotion" in await nodes(mode, hef, US, text)) == (level == "concern")


@pytest.mark.parametrize("mode", MODES)
async def test_a_draft_that_danger_ends_is_told_to_the_hosts_callbacks(mode: str) -> None:
    class Told(BaseCallbackHandler):
        def __init__(self) -> None:
            self.tags: list[set[str]] = []

        def on_chat_model_start(self, *_: Any, **kwargs: Any) -> None:
            self.tags.append(set(kwargs["tags"] or []))

    told, check, model = Told(), TwoPartCheck(), TwoCallChat(writing=Gate(is_open=False))
    check.gate = model.began

    await run(mode, create_hef(model=model, safety=check).compile(), config={"callbacks": [told]})
    model.writing.open()

    assert sum(UNUSED in tags for tags in told.tags) == 1


async def test_a_run_that_is_cancelled_stops_draft_and_judgement() -> None:
    check, model = TwoPartCheck(), TwoCallChat(writing=Gate(is_open=False))
    check.gate = Gate(is_open=False)
    running = asyncio.create_task(run("async", create_hef(model=model, safety=check).compile()))
    await model.began.await_()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert [how for how in model.ended if how != "written"] == model.ended
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


@pytest.mark.parametrize("mode", MODES)
async def test_a_callback_that_raises_takes_nothing_from_somebody_in_danger(mode: str) -> None:
    class Guard(BaseCallbackHandler):
        raise_error = True

        def on_chat_model_start(self, *_: Any, **kwargs: Any) -> None:
            if UNUSED in (kwargs["tags"] or []):
                raise RuntimeError("the budget is spent")

    check, model, told = TwoPartCheck(), TwoCallChat(writing=Gate(is_open=False)), list[SafetyEvent]()
    check.gate = model.began
    hef = create_hef(model=model, safety=check, on_safety=told.append).compile()

    out = await run(mode, hef, config={"callbacks": [Guard()]})
    model.writing.open()

    assert ("988" in out["messages"][-1].text, len(told)) == (True, 1)


async def test_somebody_in_danger_does_not_wait_for_a_call_that_closes_slowly() -> None:
    closed = asyncio.Event()

    class Slow(TwoCallChat):
        async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                self._begin(messages)
                await asyncio.sleep(60)
                yield
            finally:
                await closed.wait()

    async def end() -> None:
        out = await create_hef(model=Slow(), safety=TwoPartCheck()).compile().ainvoke(said(), context=US)
        assert "988" in out["messages"][-1].text

    await asyncio.wait_for(end(), 4)
    closed.set()


@pytest.mark.parametrize("mode", MODES)
async def test_a_concern_is_told_of_before_a_turn_ends_with_an_error(mode: str) -> None:
    told = list[SafetyEvent]()
    hef = create_hef(model=TwoCallChat(), safety=TwoPartCheck(LLM_CONCERN), on_safety=told.append).compile()

    with pytest.raises(SetupError):
        await run(mode, hef, context=US.model_copy(update={"model": "nonsense:x"}))

    assert [event.safety for event in told] == [LLM_CONCERN]


@pytest.mark.parametrize("mode", MODES)
async def test_where_rules_and_llm_agree_on_the_level_the_llm_says_what_it_is_about(mode: str) -> None:
    checking = ScriptedChat(script=["danger | violence | kill me"])
    hef = create_hef(model=TwoCallChat(), safety=LlmSafetyCheck(checking)).compile()

    assert (await run(mode, hef, "kill me"))["empathy"].safety.kind == "violence"


@pytest.mark.parametrize("mode", MODES)
async def test_a_check_that_failed_is_not_waited_for_again_when_the_judgement_is_tried_again(mode: str) -> None:
    class Busy(TwoCallChat):
        def _judged(self) -> Any:
            if self.judgements < 3:
                raise ConnectionError("busy")
            return super()._judged()

    checking = ScriptedChat(script=["I cannot help with that."])
    out = await run(mode, create_hef(model=Busy(), safety=LlmSafetyCheck(checking)).compile())

    assert len(checking.prompts) == 1
    assert out["empathy"].degraded.startswith("the check of this graph could not look for danger: the safety check by")


@pytest.mark.parametrize("mode", MODES)
async def test_a_person_may_say_that_somebody_is_in_danger_before_the_judgement(mode: str) -> None:
    thread: Any = {"configurable": {"thread_id": "t"}}
    model = TwoCallChat()
    told = list[SafetyEvent]()
    hef = create_hef(model=model, safety=TwoPartCheck(Safety()), on_safety=told.append).compile(
        checkpointer=InMemorySaver(), interrupt_before=["coarse_emotion"]
    )
    await run(mode, hef, config=thread)
    hef.update_state(thread, {"safety": {"level": "danger", "kind": "suicide"}}, as_node="sem_emotion")

    out = await run(mode, hef, None, config=thread)

    assert ("988" in out["messages"][-1].text, out["empathy"].safety.level) == (True, "danger")
    assert (model.judgements, len(told)) == (0, 1)


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_is_pending_at_the_end_of_a_turn(mode: str) -> None:
    thread: Any = {"configurable": {"thread_id": "t"}}
    for finding in (Safety(), LLM_CONCERN, LLM_DANGER, ValueError("late")):
        hef = create_hef(model=TwoCallChat(), safety=TwoPartCheck(finding)).compile(checkpointer=InMemorySaver())
        await run(mode, hef, config=thread)
        assert hef.get_state(thread).values["safety_pending"] is False


@pytest.mark.parametrize("mode", MODES)
async def test_a_concern_that_was_seen_at_once_stays_where_the_llm_fails(mode: str) -> None:
    out = await run(mode, create_hef(model=TwoCallChat(), safety=TwoPartCheck(ValueError("late"))).compile(), CONCERN)

    assert out["empathy"].safety.level == "concern"
    assert "988" in out["messages"][-1].text


@pytest.mark.parametrize("mode", MODES)
async def test_a_turn_that_is_edited_before_the_judgement_is_checked(mode: str) -> None:
    thread: Any = {"configurable": {"thread_id": "t"}}
    hef = create_hef(model=TwoCallChat(), safety=TwoPartCheck()).compile(
        checkpointer=InMemorySaver(), interrupt_before=["coarse_emotion"]
    )
    paused = await run(mode, hef, config=thread)
    hef.update_state(thread, {"readings": paused["readings"]} if "readings" in paused else {}, as_node="sem_emotion")

    assert "988" in (await run(mode, hef, None, config=thread))["messages"][-1].text


@pytest.mark.parametrize("mode", MODES)
async def test_a_person_may_take_a_false_alarm_back_before_the_llm_looks(mode: str) -> None:
    thread: Any = {"configurable": {"thread_id": "t"}}
    check = TwoPartCheck()
    hef = create_hef(model=TwoCallChat(), safety=check).compile(
        checkpointer=InMemorySaver(), interrupt_before=["crisis_reply"]
    )
    await run(mode, hef, DANGER, config=thread)
    hef.update_state(thread, {"safety": {"level": "none"}}, as_node="safety")

    assert (await run(mode, hef, None, config=thread))["messages"][-1].text == "I hear you."
    assert check.asked == 0


@pytest.mark.parametrize("mode", MODES)
async def test_graphs_without_a_reply_say_what_the_llm_found(mode: str) -> None:
    for graph in (create_reading_graph, create_emotion_graph):
        hef = graph(model=TwoCallChat(), safety=TwoPartCheck()).compile()
        empathy = (await run(mode, hef))["empathy"]
        assert (empathy.safety, empathy.uncertain, empathy.causes) == (LLM_DANGER, True, ())


@pytest.mark.parametrize("mode", MODES)
async def test_an_agent_is_not_asked_where_the_llm_finds_danger(mode: str) -> None:
    agents_model = ScriptedChat(script=["Sleep well!"])
    agent = create_agent(agents_model, middleware=[HefMiddleware(model=TwoCallChat(), safety=TwoPartCheck())])

    out = await run(mode, agent)

    assert agents_model.prompts == []
    assert "988" in out["messages"][-1].text or "findahelpline" in out["messages"][-1].text


@pytest.mark.parametrize("mode", MODES)
async def test_a_human_may_take_over_and_the_next_turn_knows_of_the_danger(mode: str) -> None:
    thread: Any = {"configurable": {"thread_id": "t"}}
    check = TwoPartCheck()
    hef = create_hef(model=TwoCallChat(), safety=check).compile(checkpointer=InMemorySaver())
    context = US.model_copy(update={"safety_handoff": True})

    paused = await run(mode, hef, context=context, config=thread)
    resumed = await run(mode, hef, Command(resume={"type": "reply", "text": "I am Ben."}), context, config=thread)

    assert "__interrupt__" in paused
    assert "988" in resumed["messages"][1].text
    assert check.asked == 1


class HostedChecker(TwoCallChat):
    """A hosted LLM that finds danger wherever it is asked for it."""

    checks: int = 0

    @property
    def lc_secrets(self) -> dict[str, str]:
        return {"api_key": "A_KEY"}

    def _begin(self, messages: list[Any]) -> list[Any] | None:
        if "crisis counsellor" not in str(messages[-1].text):
            return super()._begin(messages)
        self.checks += 1
        return ["danger | suicide | ", "last night"]


class Calm(HostedChecker):
    """A hosted LLM that finds danger nowhere."""

    def _begin(self, messages: list[Any]) -> list[Any] | None:
        chunks = super()._begin(messages)
        return ["none"] if chunks and chunks[0].startswith("danger") else chunks


@pytest.mark.parametrize("mode", MODES)
async def test_a_hosted_llm_looks_for_danger_unless_a_host_says_otherwise(mode: str) -> None:
    for arguments, level in (({}, "danger"), ({"safety": assess}, "none"), ({"safety": None}, "none")):
        out = await run(mode, create_hef(model=HostedChecker(), **arguments).compile())
        assert out["empathy"].safety.level == level, arguments


@pytest.mark.parametrize("mode", MODES)
async def test_a_local_llm_is_not_asked(mode: str) -> None:
    model = TwoCallChat()
    out = await run(mode, create_hef(model=model).compile())
    assert (model.judgements - model.lines, len(model.prompts), out["empathy"].safety.level) == (0, 1, "none")


@pytest.mark.parametrize("mode", MODES)
async def test_the_llm_of_the_run_is_asked_and_the_graphs_own_is_not(mode: str, monkeypatch: Any) -> None:
    local, hosted, graphs = TwoCallChat(), HostedChecker(), HostedChecker()
    models = {"local": local, "hosted": hosted}
    monkeypatch.setattr("hef.nodes.calling.llm_calls.resolve_model", models.__getitem__)
    monkeypatch.setattr("hef.nodes.calling.llm_calls.check_choice", lambda *_, **__: None)
    hef = create_hef(model=graphs).compile()

    assert (await run(mode, hef, context=US.model_copy(update={"model": "local"})))["empathy"].safety.level == "none"
    assert (await run(mode, hef, context=US.model_copy(update={"model": "hosted"})))["empathy"].safety.level == "danger"
    assert (graphs.checks, graphs.judgements, hosted.checks) == (0, 0, 1)


@pytest.mark.parametrize("mode", MODES)
async def test_the_llm_of_the_runs_is_asked_once_a_turn(mode: str, monkeypatch: Any) -> None:
    chosen = Calm()
    monkeypatch.setattr("hef.nodes.calling.llm_calls.resolve_model", lambda name: chosen)
    hef = create_hef(model=HostedChecker()).compile(checkpointer=InMemorySaver())
    context, thread = US.model_copy(update={"model": "chosen", "ask": "unsure"}), {"configurable": {"thread_id": "t"}}
    for text in (SAID, "I am so grateful that my neighbour helped me.", "I am so jealous of my sister's new car."):
        await run(mode, hef, text, context, config=thread)

    assert chosen.checks == 3, "the turn before is known"


@pytest.mark.parametrize("mode", MODES)
async def test_of_each_turn_every_llm_has_its_own_finding(mode: str, monkeypatch: Any) -> None:
    models = {"weak": Calm(name="weak"), "strong": HostedChecker(name="strong")}
    monkeypatch.setattr("hef.nodes.calling.llm_calls.resolve_model", models.__getitem__)
    hef = create_hef(model=HostedChecker()).compile()

    levels = [
        (await run(mode, hef, context=US.model_copy(update={"model": name})))["empathy"].safety.level for name in models
    ]

    assert levels == ["none", "danger"]


@pytest.mark.parametrize("mode", MODES)
async def test_the_turn_after_danger_knows_of_it_also_in_another_process(mode: str) -> None:
    history = {"messages": [HumanMessage(SAID), AIMessage("Call 988."), HumanMessage("What is on TV?")]}

    class LastNight(Calm):
        def _begin(self, messages: list[Any]) -> list[Any] | None:
            is_checked = "crisis counsellor" in str(messages[-1].text)
            is_danger = is_checked and "TV" not in str(messages[-1].text)
            return ["danger | suicide | last night"] if is_danger else super()._begin(messages)

    out = await run(mode, create_hef(model=LastNight()).compile(), history)

    assert (out["empathy"].safety.level, out["empathy"].safety.after_danger) == ("none", True)


@pytest.mark.parametrize("mode", MODES)
async def test_a_run_whose_llm_does_not_exist_answers_somebody_in_danger(mode: str) -> None:
    hef = create_hef(model=HostedChecker()).compile()
    context = US.model_copy(update={"model": "nonsense:x"})
    by_models = "the boxes are labelled and the cat is with my sister. by sunday it will all be quiet"

    for text in ("kill me", by_models):
        assert assess([Turn("speaker", text)]).level == "danger", "choose another text"
        assert "988" in (await run(mode, hef, text, context))["messages"][-1].text
    with pytest.raises(SetupError):
        await run(mode, hef, "I had soup.", context)


@pytest.mark.parametrize("mode", MODES)
async def test_a_strategy_without_an_llm_asks_none_for_danger_either(mode: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("hef.nodes.calling.llm_calls.resolve_model", lambda name: pytest.fail("it was resolved"))
    model = HostedChecker()
    hef = create_reading_graph(model=model).compile()

    out = await run(mode, hef, context=HefContext(strategy="sem_only", model="openai:x"))

    assert (model.checks, out["empathy"].safety.level) == (0, "none")
    assert (await run(mode, hef, "I want to kill myself.", HefContext(strategy="sem_only")))[
        "empathy"
    ].safety.level == "danger"


@pytest.mark.parametrize("mode", MODES)
async def test_a_turn_that_was_pending_is_checked_by_a_graph_with_another_check(mode: str) -> None:
    thread: Any = {"configurable": {"thread_id": "t"}}
    saver, text = (
        InMemorySaver(),
        "the boxes are labelled and the cat is with my sister. by sunday it will all be quiet",
    )
    begun = create_hef(model=TwoCallChat(), safety=TwoPartCheck())
    await run(mode, begun.compile(checkpointer=saver, interrupt_before=["coarse_emotion"]), text, config=thread)

    out = await run(mode, create_hef(model=TwoCallChat()).compile(checkpointer=saver), None, config=thread)

    assert assess([Turn("speaker", text)]).level == "danger", "choose another text"
    assert "988" in out["messages"][-1].text


@pytest.mark.parametrize("mode", MODES)
async def test_of_two_turns_that_an_llm_does_not_know_it_is_asked_at_once(mode: str) -> None:
    asked: list[Any] = []
    both = Gate(is_open=False)

    class Waiting(ScriptedChat):
        def _next(self, messages: Any) -> Any:
            asked.append(messages)
            if len(asked) == 2:
                both.open()
            both.wait()
            return "none"

    history = {"messages": [HumanMessage("I had soup."), AIMessage("Nice."), HumanMessage(SAID)]}
    out = await run(mode, create_hef(model=TwoCallChat(), safety=LlmSafetyCheck(Waiting(script=[]))).compile(), history)

    assert (len(asked), out["empathy"].degraded) == (2, None)


@pytest.mark.parametrize("mode", MODES)
async def test_danger_does_not_wait_for_what_is_asked_of_the_turn_before(mode: str) -> None:
    answered = Gate(is_open=False)

    class SlowBefore(ScriptedChat):
        def _next(self, messages: Any) -> Any:
            if SAID in str(messages[-1].text):
                return "danger | suicide | last night"
            answered.wait()
            return "none"

    history = {"messages": [HumanMessage("I had soup."), AIMessage("Nice."), HumanMessage(SAID)]}
    hef = create_hef(model=TwoCallChat(), safety=LlmSafetyCheck(SlowBefore(script=[]))).compile()

    out = await asyncio.wait_for(run(mode, hef, history), 4)
    answered.open()

    assert "988" in out["messages"][-1].text
