"""What the page shows, as HTML: nobody's words become HTML, in both languages, and nothing is told by colour alone."""

from __future__ import annotations

import re

import pytest
from hef.contract import Cause, Empathy, Evidence, HefContext, Memory, Reading, Safety, Why
from hef.contract.dialogue import TextLanguage
from hef.memory import by_period, timeline
from hef.ui.page_conversation import PageConversation
from hef.ui.page_turns import LiveTurn, PageTurn, Understanding
from hef.ui.views.conversation_view import history_html, live_html
from hef.ui.views.memory_view import PAGE_LENGTH, MemoryList, memories_html, memory_html
from hef.ui.views.safe_html import marked_html, reply_html
from hef.ui.views.timeline_view import timeline_html
from hef.ui.views.understanding_view import understanding_html

HOSTILE = '<img src=x onerror=alert(1)> "quoted" **bold** {{value}} ${value} `code`'
EMPATHY = Empathy(
    emotion="sad",
    distribution={"sad": 0.6, "lonely": 0.3, "angry": 0.06, "joyful": 0.02, "proud": 0.01, "caring": 0.01},
    primary=("sad", "lonely"),
    hypothesis="lonely",
    agreed=True,
    sem="lexicon",
    requeries=1,
    causes=(
        Cause(text="dog", turn=2, start=3, end=6, weight=0.7),
        Cause(text="home", turn=0, start=0, end=4, weight=0.3),
    ),
)


def turn(text: str, reply: str = "", empathy: Empathy | None = None, *memories: Memory) -> PageTurn:
    understanding = Understanding(empathy, memories) if empathy else None
    return PageTurn("key", text, reply, index=2, understanding=understanding)


def conversation(*turns: PageTurn) -> PageConversation:
    return PageConversation(None, "one", HefContext(), turns=list(turns))  # type: ignore[arg-type]


def test_a_persons_words_are_shown_as_they_were_written() -> None:
    memory = Memory(id=HOSTILE, text=HOSTILE, reply=HOSTILE, emotion=HOSTILE, character=HOSTILE, name=HOSTILE)
    empathy = EMPATHY.model_copy(update={"degraded": HOSTILE, "safety": Safety(level="concern", words=(HOSTILE,))})
    said = turn(HOSTILE, HOSTILE, empathy, memory)
    talk = conversation(said)
    talk.opening = talk.error = talk.listener = HOSTILE
    talk.outcome = "failed"
    shown = history_html(talk, "key", "en") + understanding_html(said, MemoryList(), "en")
    shown += memories_html(MemoryList([memory], total=1, asked=HOSTILE), "en")
    talk.live = LiveTurn(said)
    shown += live_html(talk, "en")

    assert "<img" not in shown
    assert "onerror=alert(1)&gt;" in shown
    assert '"quoted"' not in shown
    (bubble,) = set(re.findall(r'<p class="hef-bubble" dir="auto">(.*?)</p>', shown))
    assert "**bold**" in bubble
    assert "<strong>" not in bubble


@pytest.mark.parametrize(
    "reply",
    [
        *("<script>alert(1)</script>", "<b onclick=x>hi</b>", "![pixel](http://example.org/a.png)"),
        *("[click](javascript:alert(1))", "[a](http://example.org)", "<http://example.org>", "<!-- x -->"),
        *("[a]: http://example.org\n\n[a]", "# Heading", "Heading\n===", "&lt;img src=x&gt;"),
    ],
)
def test_of_a_replys_markdown_nothing_loads_leads_elsewhere_or_is_html(reply: str) -> None:
    tags = set(re.findall(r"<\s*/?([a-z0-9]+)([^>]*)>", reply_html(reply)))
    assert {name for name, _ in tags} <= {"p", "br"}
    assert all(not attributes.strip(" /") for _, attributes in tags)


def test_a_replys_emphasis_lists_and_line_breaks_are_rendered() -> None:
    shown = reply_html("One *two*\nthree\n\n- four\n- five\n\n> six")
    for tag in ("<em>two</em>", "<br", "<li>four</li>", "<blockquote>"):
        assert tag in shown


def test_a_long_hostile_reply_is_rendered_in_time() -> None:
    for piece in ("*a ", "`", "[", "> ", "- ", "![", "_", "~~"):
        assert reply_html(piece * 5_000)


def test_cause_words_are_marked_where_they_were_said_also_where_they_overlap() -> None:
    causes = [Cause(text="b", turn=0, start=start, end=end, weight=0.1) for start, end in ((2, 5), (4, 7), (9, 99))]
    assert marked_html("a <b> & cd", causes) == "a <mark>&lt;b&gt;</mark><mark> &amp;</mark> c<mark>d</mark>"


def test_only_the_causes_of_this_turn_are_marked_in_it_and_others_are_named() -> None:
    said = turn("My dog died.", "Oh.", EMPATHY)
    assert history_html(conversation(said), "key", "en").count("<mark>") == 1
    assert "said earlier" in understanding_html(said, MemoryList(), "en")


def test_emotions_are_told_by_name_share_and_bar() -> None:
    shown = understanding_html(turn("My dog died.", "Oh.", EMPATHY), MemoryList(), "en")
    assert re.search(
        r"sad <span[^>]*>decided</span></span><span[^>]*><span style=\"width:60.0%\"></span></span>", shown
    )
    assert ">60%<" in shown
    assert "The LLM leans to lonely after 1 re-query" in shown
    assert "all others together" in shown


def test_what_the_sem_found_on_a_second_look_is_told() -> None:
    evidence = Evidence(hypothesis="lonely", probability=0.3, rank=2, words_for=("home",), words_against=("dog",))
    reading = Reading(distribution={"sad": 1.0}, evidence=evidence)
    said = PageTurn("key", "My dog died.", "Oh.", 2, Understanding(EMPATHY, (), (reading,)))
    shown = understanding_html(said, MemoryList(), "en")
    assert "The SEM looked again: 30% for lonely, rank 2. For it: home. Against it: dog." in shown


def test_a_recalled_turn_says_why_and_can_be_deleted_pinned_and_hidden() -> None:
    why = Why(similarity=0.5, lexical=0.2, length=0.2, recency=0.1, emotion=0.0)
    memory = Memory(id="7", text="I had a cat.", reply="Nice.", time=1_790_000_000, why=why, pinned=True)
    shown = understanding_html(turn("My dog died.", "Oh.", EMPATHY, memory), MemoryList(), "en")
    assert "Why: similar meaning 50%, shared words 20%, how much it tells 20%, recency 10%" in shown
    for act in ("delete", "unpin", "hide"):
        assert f'data-act="{act}" data-memory="7"' in shown
    assert "pinned: always recalled" in shown


def test_deleting_is_asked_first_and_enter_twice_keeps_it() -> None:
    memory = Memory(id="7", text="I had a cat.")
    before, asked = (memory_html(memory, MemoryList(asked=id), "en") for id in ("", "7"))
    assert re.findall(r'data-act="(\w+)"', before)[0] == "delete"
    assert re.findall(r'data-act="(\w+)"', asked) == ["keep", "erase"]
    assert 'role="alert"' in asked
    tags = [re.findall(r"<(p|div|button)\b", shown)[:6] for shown in (before, asked)]
    assert tags[0] == tags[1], "what is drawn again in place keeps the focus only where the elements are the same"


def test_a_long_memory_is_shown_in_pages() -> None:
    turns = [Memory(id=str(number), text="x") for number in range(PAGE_LENGTH + 1)]
    assert 'data-act="more"' in memories_html(MemoryList(turns, total=len(turns)), "en")
    assert 'data-act="more"' not in memories_html(MemoryList(turns[1:], total=len(turns)), "en")


def test_danger_is_a_message_that_cannot_be_missed_and_nothing_is_read() -> None:
    danger = EMPATHY.model_copy(update={"safety": Safety(level="danger", kind="suicide", words=("kill myself",))})
    said = turn("I will kill myself.", "Call 988.", danger)
    shown = history_html(conversation(said), "key", "en")
    assert 'class="hef-reply hef-danger"' in shown
    assert "Please read this" in shown
    assert 'data-act="regenerate"' not in shown
    panel = understanding_html(said, MemoryList(), "en")
    assert "kill myself" in panel
    assert "Emotion" not in panel


def test_a_running_turn_leaves_no_button_that_would_change_another() -> None:
    talk = conversation(turn("My dog died.", "Oh.", EMPATHY))
    talk.live = LiveTurn(turn("And?"))
    shown = history_html(talk, "key", "en")
    assert re.search(r'data-act="edit"[^>]* disabled', shown)
    assert re.search(r'data-act="regenerate"[^>]* disabled', shown)
    assert "reading what you said" in live_html(talk, "en")


def test_the_timeline_is_also_a_table_and_a_text() -> None:
    memories = [
        Memory(id=str(number), text="x", emotion=emotion, probability=0.5, time=1_790_000_000 + number)
        for number, emotion in enumerate(("sad", "sad", "joyful"))
    ]
    shown = timeline_html(by_period(timeline(memories), "day"), "day", "en")
    assert re.search(r'role="img" aria-label="\d{4}-\d\d-\d\d: sad 67%, joyful 33%"', shown)
    assert re.search(r'<th scope="row">[^<]*</th><td>3</td><td>sad 67%, joyful 33%</td>', shown)


@pytest.mark.parametrize(("language", "who"), [("en", "said by Ana, Ben"), ("zh", "Ana, Ben 说的")])
def test_who_of_several_people_said_a_turn_is_shown_with_it(language: TextLanguage, who: str) -> None:
    memories = [Memory(id="7", text="I passed.", name="Ana, Ben"), Memory(id="8", text="I failed.")]
    first, second = (memory_html(memory, MemoryList(), language) for memory in memories)
    assert who in first
    assert who.replace("Ana, Ben", "") not in second


@pytest.mark.parametrize("language", ["en", "zh"])
def test_everything_is_told_in_the_language_of_the_page(language: TextLanguage) -> None:
    memory = Memory(
        id="7", text="x", reply="y", emotion="sad", probability=0.5, time=1_790_000_000, why=Why(similarity=1.0)
    )
    said = turn("x", "y", EMPATHY, memory)
    shown = history_html(conversation(said), "key", language) + understanding_html(said, MemoryList(), language)
    shown += memories_html(MemoryList([memory], total=1), language)
    shown += timeline_html(by_period(timeline([memory]), "day"), "day", language)
    text = re.sub(r"<[^>]*>|\d{4}-\d\d-\d\d", " ", shown)
    is_english = {word for word in re.findall(r"[a-z]{3,}", text.lower())} - {"hef", "sem", "llm", "dog", "home"}
    assert bool(is_english) == (language == "en"), is_english
