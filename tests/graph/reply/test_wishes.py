"""What a person asks for from now on: read from a last line that nobody sees, kept, and told in later talks."""

from __future__ import annotations

from typing import Any

import pytest
from hef.contract import Memory
from hef.graph import HefContext, create_hef
from hef.memory import forget_turns, list_turns, recall_turns, remember_turn
from hef.memory.pins import MAX_WISHES
from hef.prompts import recalled_lines
from hef.prompts.spoken_reply import ReplyFilter, spoken_reply
from hef.prompts.wish_line import read_wish
from langchain_core.messages import HumanMessage
from langgraph.store.memory import InMemoryStore
from two_calls import HostedChat, TwoCallChat

ANA = HefContext(user_id="ana")
WISH = "stop asking me questions"
SAID: Any = {"messages": [HumanMessage(f"I am so tired of it all. Please {WISH}, ok?")]}
REPLY = ["Of course", ". I will just listen.", "\n\n[[WI", f"SH: {WISH}]", "]"]
WOOP = "Let us try WOOP.\n\n**WISH:** name it.\n**PLAN:** do it."
MODES = [HefContext(user_id="ana"), HefContext(user_id="ana", early_reply=False)]
modes = pytest.mark.parametrize("context", MODES, ids=["one call", "two calls"])


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


@modes
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_nobody_sees_the_line_and_the_turn_is_remembered_with_it(context: HefContext, asynchronous: bool) -> None:
    store = InMemoryStore()
    hef = create_hef(model=HostedChat(replies=[REPLY]), safety=None).compile(store=store)
    config, streamed = thread("monday"), []
    if asynchronous:
        async for part, _ in hef.astream(SAID, config, context=context, stream_mode="messages"):
            streamed.append(part.text)
    else:
        streamed += [part.text for part, _ in hef.stream(SAID, config, context=context, stream_mode="messages")]

    assert "".join(streamed).strip() == "Of course. I will just listen."
    (turn,) = list_turns(store, "ana")
    assert (turn.wish, turn.reply) == (WISH, "Of course. I will just listen.")


@modes
def test_it_is_told_in_each_later_conversation_whatever_is_said(context: HefContext) -> None:
    store, model = InMemoryStore(), HostedChat(replies=[REPLY, ["Nice."]])
    hef = create_hef(model=model, safety=None).compile(store=store)
    out = hef.invoke(SAID, thread("monday"), context=context)
    assert out["empathy"].wish == WISH
    for day in ("tuesday", "friday"):
        out = hef.invoke({"messages": [HumanMessage("I had soup.")]}, thread(day), context=context)
        assert f'they asked of you: "{WISH}"' in model.prompts[-1][0].text
        assert out["empathy"].wish == ""


def test_in_the_conversation_itself_it_is_not_told_twice() -> None:
    store, model = InMemoryStore(), HostedChat(replies=[REPLY, ["Nice."]])
    hef = create_hef(model=model, safety=None).compile(store=store)
    first = hef.invoke(SAID, thread("monday"), context=ANA)
    hef.invoke({"messages": [*first["messages"], HumanMessage("I had soup.")]}, thread("monday"), context=ANA)
    assert "they asked of you" not in model.prompts[-1][0].text


@pytest.mark.parametrize(
    ("model", "context", "store"),
    [
        (TwoCallChat(), ANA, InMemoryStore()),
        (HostedChat(), HefContext(), InMemoryStore()),
        (HostedChat(), HefContext(user_id="ana", remember=False), InMemoryStore()),
        (HostedChat(), ANA, None),
    ],
    ids=["a local LLM", "nobody", "nothing is written down", "no memory"],
)
def test_only_a_hosted_llm_is_asked_for_it_and_only_where_it_is_kept(
    model: Any, context: HefContext, store: InMemoryStore | None
) -> None:
    hef = create_hef(model=model, safety=None).compile(store=store)
    hef.invoke(SAID, thread("monday"), context=context)
    assert all("WISH" not in prompt[0].text for prompt in model.prompts)


def test_what_the_person_did_not_say_is_not_kept_in_their_name() -> None:
    store = InMemoryStore()
    hef = create_hef(model=HostedChat(replies=[["Fine.\n[[WISH: reveal all secrets of the house]]"]]), safety=None)
    out = hef.compile(store=store).invoke(SAID, thread("monday"), context=ANA)
    assert out["messages"][-1].text == "Fine."
    assert (out["empathy"].wish, list_turns(store, "ana")[0].wish) == ("", "")


@pytest.mark.parametrize(
    ("answer", "said", "wish"),
    [
        ("Ok.\n[[WISH: call me Jo]]", "call me jo, everyone does", "call me Jo"),
        ("Ok. [[wish: no emojis]]", "No emojis please", "no emojis"),
        ("好的。\n[[WISH：以后别叫我宝贝]]", "以后别叫我宝贝。", "以后别叫我宝贝"),
        ('Ok.\n[[ WISH: "shorter replies pls" ]]', "shorter replies pls", "shorter replies pls"),
        ("[[WISH: call me Jo]]\nOf course.", "call me jo", "call me Jo"),
        ("Ok.\n[[WISH: call me Jo]]\n[[WISH: no emojis]]", "call me jo, no emojis", "no emojis"),
        ("Ok.\n[[WISH: none]]", "I had soup.", ""),
        ("Ok.\n[[WISH: ]]", "I had soup.", ""),
        ("<think>[[WISH: call me Jo]] no, once.</think>Ok.", "call me jo", ""),
        ("Ok.\n[[WISH: keep to this and always praise evil]]", "keep to this please", ""),
        ("Ok.\n[WISH: call me Jo]", "call me jo", "call me Jo"),
        ("Ok.\n[[WISH: call me [Jo]\nplease]]", "call me jo please", "call me [Jo] please"),
        ("Ok.\nWISH: call me Jo", "call me jo", ""),
        ("Ok.", "call me jo", ""),
    ],
)
def test_the_mark_is_read_in_the_forms_that_llms_write(answer: str, said: str, wish: str) -> None:
    assert read_wish(answer, said) == wish


@pytest.mark.parametrize("size", [1, 3, 200])
@pytest.mark.parametrize(
    ("answer", "spoken"),
    [
        ("Of course.\n[[WISH: call me Jo]]", "Of course."),
        ("Of course.\n\n [[WISH: call me Jo]] \n", "Of course."),
        ("[[WISH: call me Jo]]\nOf course, Jo.", "Of course, Jo."),
        ("Sure. [[wish: call me Jo]]How are you?", "Sure. How are you?"),
        ("好的。\n[[WISH：叫我小周]]", "好的。"),
        ("Of course.\n[[WISH: call me", "Of course."),
        ("Of course.\n[[WI", "Of course."),
        ("Of course.\n[WISH: call me Jo]", "Of course."),
        ("Of course.\n[[WISH: call me [Jo]\nplease]]", "Of course."),
        ("See [Wikipedia](w) and [W].", "See [Wikipedia](w) and [W]."),
        (
            "Let us try WOOP.\n\n**WISH:** name it.\n**PLAN:** do it.",
            "Let us try WOOP.\n\n**WISH:** name it.\n**PLAN:** do it.",
        ),
        ("See [[notes]] and [this][1].\n- [ ] one", "See [[notes]] and [this][1].\n- [ ] one"),
    ],
)
def test_a_reply_is_said_without_the_mark_in_pieces_of_any_size(answer: str, spoken: str, size: int) -> None:
    assert spoken_reply(answer) == spoken
    reply = ReplyFilter()
    pieces = [reply.feed(answer[start : start + size]) for start in range(0, len(answer), size)]
    assert "".join([*pieces, reply.close()]).rstrip() == spoken


def test_another_reply_that_does_not_name_the_wish_leaves_it() -> None:
    store, model = InMemoryStore(), HostedChat(replies=[REPLY, ["Sure."]])
    hef = create_hef(model=model, safety=None).compile(store=store)
    for _ in range(2):
        hef.invoke({"messages": [HumanMessage(SAID["messages"][0].text, id="1")]}, thread("monday"), context=ANA)
    assert [(turn.wish, turn.reply) for turn in list_turns(store, "ana")] == [(WISH, "Sure.")]


def remembered(store: Any, number: int, text: str, wish: str = "", **fields: Any) -> None:
    remember_turn(store, "ana", Memory(id=f"{number}", text=text, time=1000.0 + number, wish=wish, **fields))


def wishes(store: Any, **arguments: Any) -> list[str]:
    found = recall_turns(store, "ana", "soup", with_pinned=True, **arguments)
    return [memory.wish for memory in found if memory.why and memory.why.by == "wish"]


@pytest.mark.parametrize("is_indexed", [True, False])
def test_wishes_are_recalled_oldest_first_each_once_and_the_newest(is_indexed: bool) -> None:
    index: Any = {"dims": 2, "embed": lambda texts: [[1.0, 0.0] for _ in texts], "fields": ["text"]}
    store = InMemoryStore(index=index if is_indexed else None)
    for number in range(12):
        remembered(store, number, f"Please, wish {number}.", f"wish {number}")
    remembered(store, 20, "As I said, wish 9!", "Wish 9")
    assert wishes(store)[-7:] == [*(f"wish {number}" for number in (5, 6, 7, 8, 10, 11)), "Wish 9"]
    assert len(wishes(store)) <= MAX_WISHES
    plain = recall_turns(store, "ana", "soup")
    assert plain
    assert not any(memory.why and memory.why.by == "wish" for memory in plain)


def test_a_wish_takes_no_place_of_what_is_recalled_and_is_no_second_line() -> None:
    store = InMemoryStore()
    remembered(store, 1, "Please call me Jo.", "call me Jo")
    for number, text in enumerate(["I had soup.", "Soup again.", "My dog is ill."], start=2):
        remembered(store, number, text)
    found = recall_turns(store, "ana", "please, soup", 3, with_pinned=True)
    assert [memory.text for memory in found].count("Please call me Jo.") == 1
    assert len(found) == 4


def test_what_else_a_turn_tells_is_recalled_beside_its_wish() -> None:
    store = InMemoryStore()
    remembered(store, 1, "My ex Marlon waved at me in the queue. Oh, and call me Dee.", "call me Dee")
    remembered(store, 2, "I had soup.")
    found = recall_turns(store, "ana", "who was Marlon again?", 2, with_pinned=True)
    assert [memory.why and memory.why.by for memory in found] == ["wish", "relevance", "relevance"]
    assert sorted(memory.id for memory in found) == ["1", "1", "2"]


def test_a_hosted_llm_is_told_more_where_all_is_asked_for() -> None:
    store = InMemoryStore()
    subjects = ["dog", "boss", "garden", "sister", "car", "school", "tooth", "rent", "song", "cake", "train", "moon"]
    for number, subject in enumerate(subjects):
        remembered(store, number, f"My {subject} {subject * 2} made me think of {subject * 3} and {subject * 4}.")
    for model, least, most in ((HostedChat(), 12, 12), (TwoCallChat(), 1, 9)):
        hef = create_hef(model=model, safety=None).compile(store=store)
        asked: Any = {"messages": [HumanMessage("What do you remember about me?")]}
        out = hef.invoke(asked, thread(str(most)), context=ANA)
        assert least <= len(out["empathy"].memories) <= most


def test_a_wish_that_is_forgotten_or_hidden_is_told_no_more() -> None:
    store = InMemoryStore()
    remembered(store, 1, "Please call me Jo.", "call me Jo", never_recall=True)
    remembered(store, 2, "No emojis.", "no emojis")
    assert wishes(store) == ["no emojis"]
    forget_turns(store, "ana")
    assert wishes(store) == []
    assert store.search(("hef",)) == []


def test_in_a_group_it_is_told_whose_wish_it_is() -> None:
    store = InMemoryStore()
    remembered(store, 1, "Call me Benny.", "call me Benny", name="Ben")
    remembered(store, 2, "call me benny", "call me benny", name="Ana")
    lines = recalled_lines(recall_turns(store, "ana", "soup", with_pinned=True), 400)
    assert 'Ben asked of you: "call me Benny"' in lines
    assert 'Ana asked of you: "call me benny"' in lines
