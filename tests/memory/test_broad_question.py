"""A question after all that is remembered is told from others, and is answered with a spread of what is stored."""

from __future__ import annotations

import re
import time

import pytest
from hef.contract import Memory
from hef.memory import mark_turn, recall_turns, remember_turns
from hef.memory.broad_question import _CHINESE, _ENGLISH, asks_for_all
from langgraph.store.memory import InMemoryStore

BROAD = """
What do you remember about me?
what do you know about me
Do you remember anything about me?
Do you remember me?
do you still remember me
What have I told you so far?
What did I tell you about myself?
Tell me everything you know about me.
Can you tell me what you remember about me?
Hey, what do you still remember about me?
I'd like to know what you remember of me
So, what all do you know about my life?
What's in your memory about me?
What is in your memory?
What memories do you have of me?
What information do you have about me?
What have we talked about so far?
What did we talk about last time?
Summarize what you know about me
list everything you remember about me please
how well do you know me
How much do you remember about me?
What have you learned about me?
What have you stored about me?
Do you have any memories of me?
Do you recall our conversations?
What do you remember from our last conversation?
Do you remember what I told you?
do you remember what I've told you before
Can you remember anything I told you?
Do you know who I am?
Give me a summary of what you remember about me.
Remind me what I told you so far
I was wondering what you remember about me.
I'm curious what you know about me by now
Out of curiosity, what do you remember about us?
Do you remember our chats?
what things do you remember about me?
Which things have you saved about me?
Show me what you have stored about me.
Could you list the things you know about me?
Recap our conversations
Do you actually remember anything we talked about?
Hi! Do you remember who I am?
what notes do you keep on me?
Tell me what you know.
What do you have on file about me?
Everything you know about me, please.
u remember me?
what do u remember about me
你记得我什么？
你还记得我吗？
你还记得我的什么事情？
你记得关于我的什么？
关于我，你都记得什么？
关于我你知道些什么
你对我有什么了解？
你对我了解多少？
你了解我多少
你对我有什么印象？
我都跟你说过什么？
我之前跟你说过些什么？
我们之前聊过什么？
我们以前聊了些什么？
我们上次聊了什么？
告诉我你知道我的哪些事。
把你记得的都告诉我
你的记忆里有什么？
你的记忆里有关于我的什么？
你记住了我的哪些信息？
总结一下你对我的了解
你还记得我跟你说过的话吗？
你记得我说过什么吗？
你还认识我吗
你还记得我是谁吗
能告诉我你记得我什么吗
請問你還記得我嗎？
你記得我的什麼事情？
你都知道我什么
你记得我多少事？
说说你对我的印象
列出你记得的关于我的一切
我告诉过你什么？
你还记得我们聊过什么吗？
你保存了我的哪些信息？
""".strip().splitlines()
OTHER = """
Do you remember Bello?
Do you remember what I said about my sister?
What do you know about dogs?
You don't know anything about me!
What did I tell you!
What do you remember about the trip?
I remember everything about that day.
He doesn't remember me.
Do you remember when we went to the lake?
What do you think about me?
She asked what I know about her.
Nobody knows anything about me.
Do you know what happened to me?
Tell me about your day.
你记得豆豆吗？
你还记得我的狗吗？
你记得我昨天说的面试吗？
你知道我有多难过吗？
你知道我为什么哭吗
我记得你说过什么
他不记得我了
你知道我的意思吗
你知道我吗
""".strip().splitlines()


@pytest.mark.parametrize("text", BROAD)
def test_a_question_after_all_that_is_remembered(text: str) -> None:
    assert asks_for_all(text)
    assert asks_for_all(f"It is me again. {text}")


@pytest.mark.parametrize("text", OTHER)
def test_a_question_after_something_is_none(text: str) -> None:
    assert not asks_for_all(text)


@pytest.mark.parametrize(
    "unit", ["so ", "hey tell me ", "what do you remember about me ", "你还记得我", "告诉我", "我们之前", " ", "?"]
)
def test_it_is_told_in_linear_time(unit: str) -> None:
    text = (unit * 50_000)[:50_000] + "\0"
    for look in (lambda: asks_for_all(text), lambda: re.match(_ENGLISH, text), lambda: re.match(_CHINESE, text)):
        start = time.process_time()
        look()
        assert time.process_time() - start < 0.5


TOLD = [
    ("I am allergic to peanuts and carry a pen", 0.3),
    ("My dog Bello died of cancer last winter", 0.95),
    ("My dog Bello was buried below the apple tree", 0.9),
    ("My sister Mia moved to Lisbon for her studies", 0.4),
    ("ok", 0.2),
    ("What do you remember about me?", 0.2),
    ("My boss shouted at the meeting on Monday", 0.8),
    ("The bread from the corner shop was stale", 0.2),
]


def test_a_spread_of_what_is_stored_is_recalled() -> None:
    store = InMemoryStore()
    turns = [
        Memory(id=str(day), text=text, emotion="sad", probability=strength, time=86_400.0 * day)
        for day, (text, strength) in enumerate(TOLD)
    ]
    remember_turns(store, "ana", turns)
    mark_turn(store, "ana", "0", pinned=True)
    mark_turn(store, "ana", "6", never_recall=True)

    found = recall_turns(store, "ana", "What do you remember about me?", 1, with_pinned=True, spread_limit=4)

    assert [memory.id for memory in found] == ["0", "7", "1", "3", "2"]
    assert [memory.why.by for memory in found if memory.why] == ["pinned", *["broad_question"] * 4]
    few = recall_turns(store, "ana", "What do you remember about me?", 1, spread_limit=3)
    assert [memory.id for memory in few] == ["7", "1", "3"]
    assert len(recall_turns(store, "ana", "What do you remember about me?", 1)) == 1
    assert len(recall_turns(store, "ana", "Do you remember Bello?", 1, spread_limit=4)) == 1


def test_of_chinese_turns_one_of_each_subject_comes_first() -> None:
    store = InMemoryStore()
    texts = ["我的狗豆豆昨天死了", "我的狗豆豆很可爱", "下周我要去上海面试", "嗯"]
    remember_turns(store, "ana", [Memory(id=str(n), text=text, time=float(n)) for n, text in enumerate(texts)])
    found = recall_turns(store, "ana", "你还记得我的什么事情？", 1, spread_limit=2)
    assert [memory.id for memory in found] == ["2", "1"]
