"""What is typed into `hef chat` beside what is said: memory, another reply, other conversations, settings, privacy."""

from __future__ import annotations

import io
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from hef.cli.chat import chat_settings
from hef.cli.chat.conversation_list import is_over, local_now
from hef.cli.chat.display import TurnDisplay, step_words
from hef.cli.chat.slash_actions import ACTIONS
from hef.cli.chat.slash_commands import SLASH_COMMANDS, bare_command, read_command
from hef.graph.turn_events import STATUS_AFTER_EVENT, Step
from hef.sem import EMPATHETIC_DIALOGUES
from rich.console import Console

BELLO = "My dog Bello died in the garden."


def test_every_command_does_something_and_is_explained_in_the_chat_and_before_it(chat: Any) -> None:
    assert {command.name for command in SLASH_COMMANDS} == {*ACTIONS, "quit"}
    shown, chinese = chat("/help"), chat("我很难过。", "/help")
    before = " ".join(chat.run("chat", "--help").stdout.split())
    for command in SLASH_COMMANDS:
        assert command.usage in shown
        assert command.help in shown
        assert command.help_zh in chinese
        assert command.usage in before
        assert command.help in before


def test_a_command_may_have_an_argument_of_several_words_and_lines() -> None:
    assert read_command("  /edit My dog\ndied. ") == ("edit", "My dog\ndied.")
    assert read_command("/") == ("", "")
    assert read_command("either/or") is None
    assert bare_command(" Exit! ") == "quit"
    assert bare_command("help me") is None


def test_what_is_remembered_is_listed_found_and_forgotten_for_good(chat: Any) -> None:
    chat("I passed my driving test.", BELLO, "I cannot sleep.")
    (dog,) = (turn["id"] for turn in chat.turns() if turn["text"] == BELLO)

    shown = chat("/memory", "/memory dog", f"/forget {dog[:8]}", "/forget", "/forget zzzz", "I am tired.")

    assert shown.count(dog[:8]) == 2
    assert f"Forgotten: {BELLO}" in shown
    assert "Which one?" in shown
    assert "zzzz begins the id of no turn" in shown
    assert [text for text, _ in chat.remembered()] == ["I passed my driving test.", "I cannot sleep.", "I am tired."]
    assert chat.holding("Bello") == []
    assert not any("Bello" in message.text for message in chat.model.prompts[-1])
    assert "3 turns so far" in chat()


@pytest.mark.parametrize(
    ("pizza", "asked", "said", "head"),
    [
        (
            "I had pizza with friends on Friday.",
            "Do you remember when my dog died?",
            "Nothing that is remembered is close to that.",
            "score",
        ),
        ("昨晚我吃了披萨，很好吃。", "我家的狗去世了，你还记得吗？", "记住的内容里没有和这相近的。", "相似度"),
    ],
)
def test_what_is_far_from_what_is_asked_is_not_shown(chat: Any, pizza: str, asked: str, said: str, head: str) -> None:
    shown = chat(pizza, f"/memory {asked}")
    assert said in shown
    assert head not in shown
    found = chat.run("memory", "search", asked).stdout
    assert "Nothing that is stored is close to that" in found
    assert pizza[:5] not in found

    assert head in chat("/memory pizza")
    assert pizza[:5] in chat.run("memory", "search", "pizza").stdout


def test_a_letter_or_two_are_no_id_as_who_counts_lines_would_delete_another_turn(chat: Any) -> None:
    chat(BELLO)
    (turn,) = chat.turns()
    assert chat(f"/forget {turn['id'][:1]}", f"/forget {turn['id'][:3]}").count("Which one?") == 2
    assert [text for text, _ in chat.remembered()] == [BELLO]


@pytest.mark.parametrize("before", [[], ["Hello there."]])
def test_another_reply_replaces_the_first_one_in_conversation_and_memory(chat: Any, before: list[str]) -> None:
    chat(*before, BELLO, "/retry")
    replies = ["Reply one.", "Reply two.", "Reply three."]
    first, second = replies[len(before) : len(before) + 2]
    assert chat.remembered()[len(before) :] == [(BELLO, second)]
    shown = chat()
    assert second in shown
    assert first not in shown


@pytest.mark.parametrize("before", [[], ["Hello there."]])
def test_a_message_that_is_said_anew_replaces_the_one_before(chat: Any, before: list[str]) -> None:
    shown = chat(*before, BELLO, "/edit", "/edit My cat Tom died.")
    assert f"Your last message was: {BELLO}" in shown
    assert [text for text, _ in chat.remembered()] == [*before, "My cat Tom died."]
    assert "Bello" not in chat()
    assert not any("Bello" in message.text for message in chat.model.prompts[-1])


def test_a_turn_is_replaced_also_where_the_one_before_was_forgotten(chat: Any) -> None:
    chat("I found my keys.", "I met my sister.", BELLO)
    (sister,) = (turn["id"] for turn in chat.turns() if "sister" in turn["text"])
    chat(f"/forget {sister}", "/retry")
    assert [text for text, _ in chat.remembered()] == ["I found my keys.", BELLO]
    chat(f"/forget {chat.turns()[0]['id']}", "/edit My cat Tom died.")
    assert [text for text, _ in chat.remembered()] == ["My cat Tom died."]


def test_the_same_words_said_before_are_not_taken_for_the_replaced_turn(chat: Any) -> None:
    chat("My mother is ill.", "I am so tired.", "Well.", "I am so tired.")
    (mother,) = (turn["id"] for turn in chat.turns() if "mother" in turn["text"])
    chat(f"/forget {mother}", "/retry")
    assert [text for text, _ in chat.remembered()] == ["I am so tired.", "Well.", "I am so tired."]
    chat("/edit Good night.")
    assert [text for text, _ in chat.remembered()] == ["I am so tired.", "Well.", "Good night."]


def test_there_is_nothing_to_repeat_in_a_new_conversation(chat: Any) -> None:
    shown = chat("/retry", "/edit", "/emotion", "/threads", "/memory")
    assert shown.count("There is no message yet.") == 3
    assert "0 turns this one" in shown
    assert "Nothing is stored." in shown


def test_conversations_are_begun_listed_and_continued(chat: Any) -> None:
    today = local_now().date().isoformat()
    chat(BELLO, "/new", "I passed.", "/new work", "My boss shouts.")

    shown = chat("/threads", f"/threads {today}", "/threads nowhere", "/new work")

    assert f"Resumed conversation {today}-2 of me, 1 turn so far" in shown
    assert f"work {today}" in shown
    assert f"Resumed conversation {today} of me, 1 turn so far. It ended: you {BELLO}" in shown
    assert "There is no conversation nowhere" in shown
    assert "There is a conversation work already" in shown


def test_what_was_said_in_another_conversation_is_recalled_but_is_not_its_dialogue(chat: Any) -> None:
    chat(BELLO, "/new", "I miss my dog Bello.")
    prompt = chat.model.prompts[-1]
    assert "Reply one." not in [message.text.strip() for message in prompt]
    assert any("died in the garden" in message.text for message in prompt)


@pytest.mark.parametrize(
    ("hour", "minutes", "over"), [(12, 200, False), (12, 250, True), (23, 30, False), (23, 90, True)]
)
def test_a_conversation_is_over_after_hours_or_a_night(hour: int, minutes: int, over: bool) -> None:
    last = datetime(2026, 11, 29, hour, 45).astimezone()
    assert is_over(last, last + timedelta(minutes=minutes)) is over


def test_after_a_night_a_new_conversation_begins_and_the_one_before_is_continued_by_name(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = local_now()
    chat(BELLO)
    chat("My boss shouts.", options=("--thread", "work"))
    monkeypatch.setattr("hef.cli.chat.conversation_list.local_now", lambda: first + timedelta(days=1))
    tomorrow = (first + timedelta(days=1)).date().isoformat()

    assert f"New conversation {tomorrow} of me" in chat()
    assert "Resumed conversation work" in chat(options=("--thread", "work"))
    assert BELLO in chat(options=("--thread", first.date().isoformat()))


@pytest.mark.parametrize("is_named_at_start", [True, False])
def test_a_conversation_of_an_earlier_day_that_is_opened_goes_on(
    chat: Any, monkeypatch: pytest.MonkeyPatch, is_named_at_start: bool
) -> None:
    first = local_now()
    day = first.date().isoformat()
    chat(BELLO)
    monkeypatch.setattr("hef.cli.chat.conversation_list.local_now", lambda: first + timedelta(days=1))

    shown = (
        chat("I miss him.", options=("--thread", day)) if is_named_at_start else chat(f"/threads {day}", "I miss him.")
    )

    assert "Some time has passed" not in shown
    texts = [message.text for message in chat.model.prompts[-1] if message.type == "human"]
    assert texts == [BELLO, "I miss him."]


def test_a_chat_that_is_left_open_begins_anew_after_a_pause(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    start = local_now()
    days = iter([0, 0, *[1] * 20])
    monkeypatch.setattr("hef.cli.chat.conversation_list.local_now", lambda: start + timedelta(days=next(days)))

    shown = chat(BELLO, "I passed.")

    assert "Some time has passed, so this is a new conversation" in shown
    assert [message.text for message in chat.model.prompts[-1] if message.type == "human"] == ["I passed."]


def test_what_is_private_is_neither_recalled_nor_written_down_and_gone_afterwards(chat: Any) -> None:
    shown = chat(BELLO, "/private", "I hate my brother Kasimir.", "/threads", "/private", "I am tired.")

    assert "Private from now on" in shown
    assert "No longer private" in shown
    assert "/private ends it first" in shown
    assert [text for text, _ in chat.remembered()] == [BELLO, "I am tired."]
    assert chat.holding("Kasimir") == []
    assert any(BELLO in message.text for message in chat.model.prompts[1]), "the private part goes on from the kept one"
    assert not any("Kasimir" in message.text for message in chat.model.prompts[-1])


def test_a_chat_that_begins_private_opens_no_file_until_it_is_no_longer(chat: Any) -> None:
    shown = chat(BELLO, "/memory", "/forget abc", options=("--private",))
    assert shown.count("the memory is not opened") == 2
    assert not chat.home.exists()
    chat(BELLO, "/private", "I passed.", options=("--private",))
    assert [text for text, _ in chat.remembered()] == ["I passed."]


def test_settings_are_shown_changed_and_checked(chat: Any) -> None:
    shown = chat(
        "/set", "/set memory_limit 7", "/set memory_limit many", "/set colour red", "/set languag German", "/set ask"
    )
    assert "How many past turns are recalled at most" in shown
    assert "memory_limit is 7 until you leave" in shown
    assert "memory_limit is 'many'" in shown
    assert "there is no setting 'colour'" in shown
    assert "did you mean 'language'?" in shown
    assert "ask is unsure" in shown


def test_a_region_or_a_model_that_cannot_be_is_refused_when_it_is_set(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    wrong = [("region", "XX"), ("region", "usa"), ("model", "gpt-4"), ("model", "huggingface:/nowhere")]
    shown = chat(*(f"/set {name} {value}" for name, value in wrong), "/set region gb", "Hello.")
    assert "no numbers for help are known in 'XX'; give one of AT, AU," in shown
    assert "region is 'usa'; give the two letters of a country" in shown
    assert "the model 'gpt-4' " in shown
    assert "huggingface:/nowhere names no model" in shown
    assert not any(f"{name} is {value} until" in shown for name, value in wrong)
    assert "region is GB until you leave" in shown
    assert "Reply one." in shown


def test_a_setting_counts_from_the_next_turn_on(chat: Any) -> None:
    shown = chat(
        "/set persona a sailor from Bergen", "My dog died.", "/set temperature 3", "/set persona default", "Hm."
    )
    assert "persona is a sailor from Bergen" in shown
    assert "temperature is 3" in shown
    first, second = ("\n".join(message.text for message in prompt) for prompt in chat.model.prompts)
    assert "sailor from Bergen" in first
    assert "sailor from Bergen" not in second


def test_a_character_has_conversations_of_its_own(chat: Any) -> None:
    today = local_now().date().isoformat()
    shown = chat(BELLO, "/character", "/character june", "Hello June.", "/character nobody", "/character none", "Bye.")
    assert "xiaolin" in shown
    assert "You talk with June now." in shown
    assert f"New conversation june/{today}" in shown
    assert "there is no character 'nobody'" in shown
    assert "You talk with no character now." in shown
    assert "June" in chat.model.prompts[1][0].text
    assert "June" not in chat.model.prompts[2][0].text

    again = chat(f"/threads june/{today}", "Hello again.")
    assert "June Reply two." in again
    assert "June" in chat.model.prompts[-1][0].text
    assert f"Resumed conversation june/{today}" in chat(options=("--thread", f"june/{today}"))


def test_a_setting_comes_before_that_of_a_character_until_it_is_the_default(chat: Any) -> None:
    chat("/character june", "/set persona a sailor from Bergen", "Hello.", "/set persona default", "Hello again.")
    first, second = (prompt[0].text for prompt in chat.model.prompts)
    assert "sailor from Bergen" in first
    assert "June" not in first
    assert "sailor from Bergen" not in second
    assert "June" in second


def test_what_is_said_is_remembered_for_as_many_days_as_are_set(chat: Any) -> None:
    shown = chat(BELLO, "/set remember_for 0.5", "I cannot sleep.", "/set remember_for default", "I passed.")
    assert "remember_for is 0.5 until you leave" in shown
    assert "remember_for is none until you leave" in shown
    chat("I am tired.", "/character june", "I am sad.", options=("--remember-for", "7"))
    assert "remember_for is 7 until you leave" in chat("/set remember_for 7")
    assert "should be greater than 0" in chat("/set remember_for 0")
    kept = {turn["text"]: "expires" in turn and (turn["expires"] - turn["time"]) / 86_400 for turn in chat.turns()}
    assert kept == {
        BELLO: False,
        "I cannot sleep.": pytest.approx(0.5),
        "I passed.": False,
        "I am tired.": pytest.approx(7),
        "I am sad.": pytest.approx(7),
    }


@pytest.mark.parametrize("days", ["0", "-1", "nan", "40000"])
@pytest.mark.parametrize("command", [("chat",), ("reply", "Hello."), ("serve", "chat")])
def test_a_number_of_days_that_cannot_be_is_misuse(chat: Any, days: str, command: tuple[str, ...]) -> None:
    done = chat.run(*command, "--remember-for", days)
    assert done.exit_code == 2
    assert "--remember-for is" in done.stderr


def test_a_bare_command_is_asked_about(chat: Any) -> None:
    shown = chat("exit", "exit", "help", "yes", "quit", "yes", "never said")
    assert shown.count("Did you mean /quit?") == 2
    assert "Did you mean /help?" in shown
    assert "/forget ID" in shown
    assert [text for text, _ in chat.remembered()] == ["exit"]


@pytest.mark.parametrize("answer", ["no", "N", "cancel", "nein", "No, thanks.", "不", "不是。", "取消"])
def test_no_to_what_was_asked_is_said_to_nobody(chat: Any, answer: str) -> None:
    shown = chat(BELLO, "exit", answer, "help", "", answer, "I cannot sleep.")
    assert "All right, the conversation goes on." in shown
    assert [text for text, _ in chat.remembered()] == [BELLO, "I cannot sleep."]
    assert not any(message.text == answer for prompt in chat.model.prompts for message in prompt)
    assert len(chat.model.prompts) == 2


def test_yes_to_what_was_asked_is_taken_and_anything_else_is_said(chat: Any) -> None:
    for yes in ("yes", "Y", "ja", "是。"):
        chat("quit", yes, "never said")
    assert chat.remembered() == []
    chat("exit", "no one is here", "no")
    assert [text for text, _ in chat.remembered()] == ["no one is here", "no"]


def test_nobody_is_asked_where_json_is_read(chat: Any) -> None:
    assert '"reply"' in chat("exit", options=("--json",))


def test_the_chat_speaks_chinese_with_who_writes_it(chat: Any) -> None:
    shown = chat("我的狗死了。", "/new", "我今天很累。", "/private", "/wat", "/set memory_limit 5")
    assert "的新对话" in shown
    assert "从现在起是私密的" in shown
    assert "没有命令 /wat" in shown
    assert "memory_limit 现在是 5" in shown
    assert "我的狗死了。" in chat("/memory")


def test_the_chat_speaks_the_language_of_what_was_said_again_once_the_setting_is_its_default(chat: Any) -> None:
    shown = chat(BELLO, "/set language zh", "/set language default", "/set language zh", "/private", "/new", "/private")
    assert "language 现在是 zh" in shown
    assert "language is none until you leave" in shown
    assert "从现在起是私密的" in shown


def test_a_wrong_command_is_told_the_nearest_one(chat: Any) -> None:
    shown = chat("/forgit abcd", "/Memori", "/zzz")
    assert "There is no command /forgit. Did you mean /forget?" in shown
    assert "Did you mean /memory?" in shown
    assert "There is no command /zzz. /help lists them." in shown
    assert "/forget ID" not in shown


def test_the_open_conversation_is_listed_before_anything_is_said_in_it(chat: Any) -> None:
    shown = chat("Hello.", "/new work", "/threads")
    listed = shown.partition("New conversation work")[2]
    assert "work 0 turns this one" in listed
    assert listed.count("this one") == 1


def test_no_date_and_no_id_is_broken_in_a_terminal_of_eighty_columns(chat: Any) -> None:
    name = f"june/{local_now().date().isoformat()}"
    chat(BELLO, options=("--character", "june"))
    (turn,) = chat.turns()
    for arguments, stdin in ((("memory", "list"), ""), (("chat",), "/memory\n/threads\n")):
        lines = chat.run(*arguments, stdin=stdin).stdout.splitlines()
        assert all(len(line) <= 80 for line in lines)
        row = next(line for line in lines if turn["id"][:8] in line)
        assert f"{local_now():%Y-%m-%d }" in row
        assert "My dog Bello died in" in row
        assert any(name in line for line in lines)


def test_one_talks_with_a_program_and_a_small_model_is_said_to_be_one(chat: Any) -> None:
    shown = chat()
    assert "You talk with a program, not a person. Its replies come from a small demonstration model" in shown
    chinese = chat(options=("--language", "zh"))
    assert "和你对话的是程序，不是人" in chinese
    assert "演示模型" in chinese
    other = chat(options=("--model", "huggingface:/elsewhere"))
    assert "a program, not a person" in other
    assert "small demonstration model" not in other
    assert "program" not in chat(options=("--json",))


def test_a_long_conversation_is_said_once_in_words_for_a_person(chat: Any) -> None:
    long = "word " * 4000
    shown = chat(f"{long}{BELLO}", f"{long}I am sad.", "/new", f"{long}{BELLO}")
    assert shown.count("this conversation has become long") == 2
    assert "longer than 6000" not in shown
    (line,) = (line for line in chat.run("chat", "--json", stdin=f"{long}{BELLO}\n").stdout.splitlines())
    assert "longer than 6000" in line


def test_what_was_recalled_and_why_is_told_with_the_turn_and_by_emotion(chat: Any) -> None:
    chat(BELLO)
    today = local_now().date().isoformat()

    shown = chat("/new", "I miss Bello.", "/emotion", "/set language zh", "/emotion")

    assert '· recalled "My dog Bello died in th…" ' in shown
    assert f'recalled {today} "{BELLO}" (similar meaning ' in shown
    assert f"想起 {today}“{BELLO}”（意思相近 " in shown


@pytest.mark.parametrize(
    ("query", "reason"),
    [("Bello", "shared words"), ("DOG bello", "shared words"), ("my dog is dead", "similar meaning")],
)
def test_a_search_names_the_reason_below_each_turn(chat: Any, query: str, reason: str) -> None:
    chat(BELLO)

    assert reason in chat(f"/memory {query}")
    assert reason in " ".join(chat.run("memory", "search", query).stdout.split())
    assert reason not in chat("/memory")


def test_in_a_chinese_chat_what_is_remembered_and_the_settings_are_told_in_chinese(chat: Any) -> None:
    chat("我的狗昨晚死了，我太伤心了。")
    (turn,) = chat.turns()
    chat.run("memory", "pin", turn["id"])

    shown = chat("/memory", "/memory 狗", "/set")

    for words in ("编号", "时间、对话", "情绪", "说的话和回复", "(已固定)", "相似度", "怎样判断情绪", "让回复可以重现"):
        assert words in shown, words
    assert EMPATHETIC_DIALOGUES.names["zh"][turn["emotion"]] in shown
    for words in ("when, thread", "message, and", "(pinned)", turn["emotion"], "How the emotion", "repeatable"):
        assert words not in shown, words


def test_each_setting_is_explained_in_chinese() -> None:
    assert set(chat_settings.CHINESE) == {*chat_settings.SETTABLE, *chat_settings.OF_REPLY}
    assert all(re.search("[\u4e00-\u9fff]", words) for words in chat_settings.CHINESE.values())


@pytest.mark.parametrize("kind", ["", "begin", "unknown", *STATUS_AFTER_EVENT])
def test_the_spinner_turns_in_the_language_of_the_chat(kind: str) -> None:
    assert re.search("[\u4e00-\u9fff]", step_words(kind, "zh"))
    assert not re.search("[\u4e00-\u9fff]", step_words(kind, "en"))


@pytest.mark.parametrize(
    ("language", "words"), [("en", ["weighing it", "thinking of a reply"]), ("zh", ["正在权衡", "正在想怎么回答"])]
)
def test_a_turn_shows_what_is_being_done_in_the_language_of_the_chat(language: Any, words: list[str]) -> None:
    display = TurnDisplay(name="hef", language=language)
    display.console = Console(file=io.StringIO(), force_terminal=True)
    with display:
        display.show(Step("weighing it", "reading"))
        display.show(Step("thinking of a reply", "causes"))
        display.pause()
    shown = display.console.file.getvalue()  # type: ignore[attr-defined]
    assert f"{words[-1]} …" in shown
    assert ("正在" in shown) is (language == "zh")


def test_a_turn_is_pinned_and_hidden_from_the_chat_and_each_is_taken_back_by_itself(chat: Any) -> None:
    chat(BELLO, "I am allergic to nuts.")
    nuts = chat.turns()[1]["id"]

    def marks() -> list[Any]:
        return [chat.turns()[1].get(mark, False) for mark in ("pinned", "never_recall")]

    assert "Recalled with every reply from now on: I am allergic" in chat(f"/pin {nuts[:8]}")
    assert marks() == [True, False]
    chat("/new", "My train was late.")
    assert "allergic" in chat.model.prompts[-1][0].text
    assert "Never recalled from now on: I am allergic" in chat(f"/hide {nuts[:8]}")
    assert marks() == [False, True]
    chat("/new", "What am I allergic to, which nuts?")
    assert "allergic to nuts" not in chat.model.prompts[-1][0].text
    assert "as before: I am allergic" in chat(f"/hide {nuts[:8]}")
    assert marks() == [False, False]


@pytest.mark.parametrize("command", ["pin", "hide"])
def test_what_names_no_turn_marks_none(chat: Any, command: str) -> None:
    chat(BELLO)
    first = chat.turns()[0]["id"]

    wrong = ["", first[:3], "zzzz", f"{first}x"]
    shown = chat(*(f"/{command} {id}" for id in wrong))

    assert shown.count(f"Which one? /{command} ID") == 2
    assert shown.count("begins the id of no turn") == 2
    assert "the memory is not opened" in chat(f"/{command} {first}", options=("--private",))
    assert not any(chat.turns()[0].get(mark) for mark in ("pinned", "never_recall"))


def test_a_list_shows_until_when_a_turn_is_kept_unless_it_is_pinned(chat: Any) -> None:
    chat(BELLO, options=("--remember-for", "7"))
    (turn,) = chat.turns()
    day = datetime.fromtimestamp(turn["expires"]).date().isoformat()

    assert f"until {day}" in " ".join(chat.run("memory", "list").stdout.split())
    shown = chat("/memory", "/set language zh", "/memory", f"/pin {turn['id']}", "/set language en", "/memory")
    assert shown.count(f"until {day}") == 1
    assert shown.count(f"记到 {day}") == 1
