"""How much of a long conversation an LLM is shown for its reply, and what is then not recalled."""

from __future__ import annotations

from typing import Any

import pytest
from hef.contract.settings.dialogue_limit import QUESTION_CHARACTERS, REPLY_CHARACTERS
from hef.graph import HefContext, create_hef
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.store.memory import InMemoryStore
from two_calls import HostedChat, TwoCallChat

SECRET = "My sister Inga keeps bees on the roof of the school."


def talk(characters: int, first: str = SECRET) -> list[BaseMessage]:
    """Return a talk of about so many characters, which begins with a sentence."""
    said: list[BaseMessage] = [HumanMessage(first), AIMessage("How nice.")]
    while sum(len(message.text) for message in said) < characters:
        said += [HumanMessage(f"number {len(said)}: {'bread and milk ' * 15}"), AIMessage("I see. " * 30)]
    return [*said, HumanMessage("I am so sad, my dog died last night.")]


def shown(model: Any) -> str:
    return "\n".join(str(message.text) for message in model.prompts[-1])


@pytest.mark.parametrize("context", [HefContext(), HefContext(early_reply=False)], ids=["one call", "two calls"])
def test_a_hosted_llm_reads_a_long_conversation_whole(context: HefContext) -> None:
    model = HostedChat()
    out = create_hef(model=model, safety=None).compile().invoke({"messages": talk(30_000)}, context=context)
    assert SECRET in shown(model)
    assert out["empathy"].degraded is None


def test_a_local_llm_is_shown_the_newest_part_as_its_window_may_be_small() -> None:
    model = TwoCallChat()
    out = create_hef(model=model, safety=None).compile().invoke({"messages": talk(30_000)})
    assert SECRET not in shown(model)
    assert f"longer than {QUESTION_CHARACTERS} characters" in out["empathy"].degraded


def test_no_more_is_shown_than_the_limit_or_the_profile_allows() -> None:
    for profile, limit in (({}, REPLY_CHARACTERS), ({"max_input_tokens": 8192}, 8192)):
        model = HostedChat(profile=profile)
        create_hef(model=model, safety=None).compile().invoke({"messages": talk(60_000)})
        assert limit * 0.8 < sum(len(message.text) for message in model.prompts[-1][1:]) <= limit
        assert model.prompts[-1][-1].text == "I am so sad, my dog died last night."


def test_the_limit_of_a_run_holds_for_any_llm() -> None:
    for model in (HostedChat(), TwoCallChat()):
        create_hef(model=model, safety=None).compile().invoke(
            {"messages": talk(30_000)}, context=HefContext(dialogue_limit=50_000)
        )
        assert SECRET in shown(model)


@pytest.mark.parametrize(
    ("model", "is_recalled"), [(HostedChat(), False), (TwoCallChat(), True)], ids=["hosted", "local"]
)
def test_what_the_llm_is_shown_anyway_is_not_recalled(model: Any, is_recalled: bool) -> None:
    store = InMemoryStore()
    hef = create_hef(model=model, safety=None).compile(store=store)
    config: Any = {"configurable": {"thread_id": "monday"}}
    context = HefContext(user_id="ana")
    hef.invoke({"messages": [HumanMessage(SECRET)]}, config, context=context)
    asked = [*talk(30_000)[:-1], HumanMessage("What do I feel when I think of my sister Inga and her bees?")]

    out = hef.invoke({"messages": asked}, config, context=context)

    assert bool(out["empathy"].memories) == is_recalled


def test_a_conversation_beyond_the_sems_window_is_no_fault() -> None:
    out = create_hef(model=HostedChat(), safety=None).compile().invoke({"messages": talk(10_000)})
    assert out["empathy"].degraded is None


def test_a_message_beyond_the_sems_window_is_one() -> None:
    said = [HumanMessage("word " * 600 + "and my dog died.")]
    out = create_hef(model=HostedChat(), safety=None).compile().invoke({"messages": said})
    assert "its beginning was not read" in out["empathy"].degraded
