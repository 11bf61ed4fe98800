from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hef.graph import HefContext, create_hef, open_store
from langchain_core.messages import HumanMessage


def talk(hef: Any, text: str, user: str, thread: str, **settings: Any) -> Any:
    return hef.invoke(
        {"messages": [HumanMessage(text)]},
        {"configurable": {"thread_id": thread}},
        context=HefContext(user_id=user, **settings),
    )


def test_the_next_conversation_recalls_what_the_same_person_said(tmp_path: Path, scripted: Any) -> None:
    model = scripted("sad", "I am sorry.", "joyful", "Lovely.", "sad", "How is Bello missed?")
    store = open_store(tmp_path)
    hef = create_hef(model=model).compile(store=store)
    talk(hef, "My dog Bello died last night.", "ana", "monday")
    talk(hef, "I got a new job at the bank!", "ana", "tuesday")
    store.close()

    hef = create_hef(model=model).compile(store=open_store(tmp_path))
    out = talk(hef, "I keep thinking of my dog.", "ana", "friday", memory_limit=1)

    assert len(out["empathy"].memories) == 1
    assert 'Earlier, the speaker said: "My dog Bello died last night." (felt ' in model.prompts[-1][-1].text
    assert "bank" not in model.prompts[-1][-1].text


def test_nobody_recalls_what_another_person_said(tmp_path: Path, scripted: Any) -> None:
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(store=open_store(tmp_path))
    talk(hef, "My dog died.", "ana", "one")

    assert talk(hef, "My dog died.", "ben", "two")["empathy"].memories == ()


@pytest.mark.parametrize("user", ["a.b@c.d", "../../etc/passwd", "a/b", "x" * 500, "ünï 😀", "hef", "*"])
def test_any_user_id_has_a_memory_of_its_own(user: str, tmp_path: Path, scripted: Any) -> None:
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(store=open_store(tmp_path))

    talk(hef, "My dog died.", user, "one")
    out = talk(hef, "I miss my dog.", user, "two")

    assert len(out["empathy"].memories) == 1
    assert out["empathy"].degraded is None


def test_without_a_user_nothing_is_stored(tmp_path: Path, scripted: Any) -> None:
    store = open_store(tmp_path)

    create_hef(model=scripted("sad", "I am sorry.")).compile(store=store).invoke(
        {"messages": [HumanMessage("My dog died.")]}
    )

    assert store.search(()) == []


def test_remember_off_recalls_but_stores_nothing(tmp_path: Path, scripted: Any) -> None:
    store = open_store(tmp_path)
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(store=store)
    talk(hef, "My dog died.", "ana", "one")

    out = talk(hef, "I miss my dog.", "ana", "two", remember=False)

    assert len(out["empathy"].memories) == 1
    assert len(store.search(("hef",))) == 1
