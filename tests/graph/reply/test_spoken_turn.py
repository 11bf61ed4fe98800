"""What an LLM thinks takes no part in a turn: it is not said, streamed, remembered, shown to it again or judged by."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import pytest
from hef.contract import ModelError
from hef.graph import HefContext, create_hef
from hef.nodes.calling import spoken_stream
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore

SAID = {"messages": [HumanMessage("My dog died last night.")]}
THOUGHT = "<think>She may be joyful.\n\nOr proud?</think>\n\n"
WRITTEN = [
    f"{THOUGHT}I hear you.",
    "[THINK]Joyful? No.[/THINK] Listener: I hear you.<|im_end|>\n<|im_start|>user\nThanks",
    "<|channel|>analysis<|message|>Be kind.<|end|><|start|>assistant<|channel|>final<|message|>I hear you.<|return|>",
    "◁think▷ hm ◁/think▷I hear you.\nSpeaker: Thank you.",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_a_reply_holds_what_is_said_in_the_stream_and_in_the_state(written: str, scripted: Any) -> None:
    hef = create_hef(model=scripted("sad", written)).compile()

    parts = list(hef.stream(SAID, stream_mode=["messages", "values"]))

    streamed = "".join(str(part[0].text) for mode, part in parts if mode == "messages")
    assert (streamed.strip(), parts[-1][1]["messages"][-1].content) == ("I hear you.", "I hear you.")


@pytest.mark.parametrize("written", WRITTEN)
async def test_the_asynchronous_stream_is_the_same(written: str, scripted: Any) -> None:
    hef = create_hef(model=scripted("sad", written)).compile()

    streamed = [part async for part, _ in hef.astream(SAID, stream_mode="messages")]

    assert "".join(str(part.text) for part in streamed).strip() == "I hear you."
    assert all(isinstance(part, AIMessageChunk) for part in streamed)
    assert len({part.id for part in streamed}) == 1


def test_a_reply_that_is_not_streamed_by_its_model_is_passed_on_once_without_thoughts() -> None:
    parts: list[Any] = [{"type": "thinking", "thinking": "joyful"}, {"type": "text", "text": "I hear you."}]
    model = FakeMessagesListChatModel(responses=[AIMessage("sad"), AIMessage(parts)])
    hef = create_hef(model=model).compile()

    (part,) = [part for part, _ in hef.stream(SAID, stream_mode="messages")]

    assert part.content == "I hear you."


def test_other_callbacks_see_what_the_llm_wrote(scripted: Any) -> None:
    from langchain_core.callbacks import BaseCallbackHandler

    class Trace(BaseCallbackHandler):
        written = ""

        def on_llm_end(self, response: Any, **kwargs: Any) -> None:
            self.written = response.generations[0][0].text

    trace = Trace()
    list(create_hef(model=scripted("sad", WRITTEN[0])).compile().stream(
        SAID, {"callbacks": [trace]}, stream_mode="messages"
    ))  # fmt: skip

    assert "joyful" in trace.written


def test_thoughts_are_neither_remembered_nor_shown_in_the_next_turn(scripted: Any) -> None:
    model, store = scripted("sad", f"{THOUGHT}I hear you.", f"{THOUGHT}sad", "Oh no."), InMemoryStore()
    hef = create_hef(model=model).compile(store=store, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}

    hef.invoke(SAID, config, context=HefContext(user_id="ana"))
    out = hef.invoke({"messages": [HumanMessage("He was twelve.")]}, config, context=HefContext(user_id="ana"))

    assert out["empathy"].hypothesis == "sad"
    assert [item.value["reply"] for item in store.search(("hef",))] == ["I hear you.", "Oh no."]
    assert not any("joyful." in str(message.text) for prompt in model.prompts[2:] for message in prompt)


def test_thoughts_that_a_host_kept_in_the_thread_are_no_part_of_the_dialogue(scripted: Any) -> None:
    model = scripted("sad", "I hear you.")
    before = [HumanMessage("My dog is very ill."), AIMessage(f"{THOUGHT}Oh no."), AIMessage("<think>nothing else")]

    create_hef(model=model).compile().invoke({"messages": [*before, *SAID["messages"]]})

    assert (
        "Speaker: My dog is very ill.\nListener: Oh no.\nSpeaker: My dog died last night." in model.prompts[0][1].text
    )


def test_a_reply_of_thoughts_alone_is_asked_for_again_and_then_an_error(scripted: Any) -> None:
    model = scripted("sad", "<think>Hm, she", "I hear you.")

    assert create_hef(model=model).compile().invoke(SAID)["messages"][-1].content == "I hear you."
    with pytest.raises(ModelError, match="empty, or thoughts alone"):
        create_hef(model=scripted("sad", "<think>Hm", "<think>she")).compile().invoke(SAID)


def test_the_name_of_the_persona_before_a_reply_is_cut(scripted: Any) -> None:
    hef = create_hef(model=scripted("sad", "Mia: I hear you.")).compile()

    out = hef.invoke(SAID, context=HefContext(persona="You are Mia, a nurse."))

    assert out["messages"][-1].content == "I hear you."


def streamed_v3(hef: Any) -> tuple[str, str]:
    """Return all text that `stream_events(version="v3")` shows of messages, and the reply of its last state."""
    shown, reply = [], ""
    for event in hef.stream_events(SAID, version="v3"):
        data = event["params"]["data"]
        if event["method"] == "messages":
            shown.append(str(data))
        elif event["method"] == "values" and "messages" in data:
            reply = str(data["messages"][-1].text)
    return "".join(shown), reply


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("written", WRITTEN)
def test_events_of_version_3_show_the_reply_whole_and_no_thought(written: str, scripted: Any) -> None:
    shown, reply = streamed_v3(create_hef(model=scripted("sad", written)).compile())

    assert reply == "I hear you."
    assert "I hear you." in shown
    assert not any(word in shown.lower() for word in ("joyful", "hm", "kind", "thank"))


def test_langgraph_has_the_handlers_that_the_stream_is_cleaned_through() -> None:
    assert spoken_stream.TOKEN_STREAMS, (
        "langgraph.pregel._messages has no StreamMessagesHandler and StreamMessagesHandlerV2 any more: replies are "
        "streamed whole; find where LangGraph keeps its handlers of stream_mode='messages' and import them there"
    )
    missing = {"on_chat_model_start", "on_llm_new_token", "on_llm_end", "on_llm_error"} - set(
        dir(spoken_stream.TOKEN_STREAMS[0])
    )
    assert not missing, f"LangGraph's handler of stream_mode='messages' has no {missing}: SpokenTokens calls them"


def test_langchain_has_the_class_that_makes_it_stream() -> None:
    assert (BaseCallbackHandler,) != spoken_stream.STREAMING_HANDLERS, (
        "langchain_core.tracers._streaming has no _StreamingCallbackHandler any more: each early reply is streamed, "
        "also where nobody reads it so; find where LangChain keeps the class of its streaming handlers, and import it"
    )
    assert not spoken_stream.streams_tokens([BaseCallbackHandler()])
    assert spoken_stream.streams_tokens([spoken_stream.SpokenTokens(None, "")])


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("langchain_core.tracers._streaming", "_StreamingCallbackHandler"),
        ("langgraph.pregel._messages", "StreamMessagesHandler"),
    ],
)
def test_a_private_class_that_has_moved_ends_no_import(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(f"{module}.{name}")
    spec = spec_from_file_location(f"{spoken_stream.__name__}_without_a_class", spoken_stream.__file__)
    assert spec
    assert spec.loader
    without: Any = module_from_spec(spec)

    spec.loader.exec_module(without)

    if name == "_StreamingCallbackHandler":
        assert without.streams_tokens([BaseCallbackHandler()])
        assert not without.streams_tokens([])
    else:
        assert (without.TOKEN_STREAMS, without.EVENT_STREAMS) == ((), (BaseCallbackHandler,))


@pytest.mark.parametrize("written", WRITTEN)
def test_without_the_known_handlers_the_reply_is_streamed_whole_and_clean(
    written: str, scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spoken_stream, "TOKEN_STREAMS", ())
    monkeypatch.setattr(spoken_stream, "EVENT_STREAMS", (BaseCallbackHandler,))

    parts = list(create_hef(model=scripted("sad", written)).compile().stream(SAID, stream_mode="messages"))

    assert [str(message.text) for message, _ in parts] == ["I hear you."]
