"""What is no conversation: tasks of front ends are told from what people say, and answered without HEF."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hef.contract import ModelError
from hef.serving.chat_request import ChatMessage, ChatRequest, parse_request
from hef.serving.front_ends.attached_context import split_contexts
from hef.serving.front_ends.expressions import EXPRESSIONS
from hef.serving.front_ends.task_prompts import prompt_kind
from hef.serving.tasks import Task, answer_task, continue_reply, recognize_task
from langchain_core.messages import HumanMessage, SystemMessage
from project import ROOT
from scripted_chat import ScriptedChat

HISTORY = "USER: My dog died.\nASSISTANT: I am so sorry.\nUSER: Thank you."
CLASSIFY = (
    "Ignore previous instructions. Classify the emotion of the last message. Output just one word. "
    'Choose only one of the following labels: "joy", "grief", "anger"'
)
SUMMARIZE = (
    "Ignore previous instructions. Summarize what matters in the story so far. "
    "Your response should include nothing but the summary."
)


def request(*messages: tuple[str, str], **fields: Any) -> ChatRequest:
    return parse_request({"messages": [{"role": role, "content": text} for role, text in messages], **fields})


def kind(*messages: tuple[str, str], headers: dict[str, str] | None = None) -> str | None:
    task = recognize_task(request(*messages), headers or {})
    return task and task.kind


def open_webui(demand: str, last: str = f"### Chat History:\n<chat_history>\n{HISTORY}\n</chat_history>") -> str:
    return f"### Task:\n{demand}\n\n### Guidelines:\n- Be short.\n\n### Output:\nJSON\n\n{last}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (open_webui("Write a short title with an emoji that sums up the chat."), "title"),
        (open_webui("Write some broad tags for the subjects."), "tags"),
        (open_webui("Suggest follow-up questions that the user may ask."), "follow_ups"),
        (open_webui("Decide whether search queries are needed."), "queries"),
        (open_webui("Write a detailed prompt for an image."), "image_prompt"),
        (open_webui("为对话写一个标题。"), "title"),
        (open_webui("Do something that nobody thought of."), "other"),
        (open_webui("Complete it.", "<type>General</type>\n<text>My dog</text>\n#### Output:\n"), "autocomplete"),
        (f"Write a JSON object with a title.\n<conversation>\n{HISTORY}\n</conversation>", "title"),
        ("<transcript>\nHuman: hi\nAI: hello\n</transcript>\nSummarize it in two sentences.", "summary"),
        ("下面是一段对话，请写出标签。\n<history>\nuser: 你好\nassistant: 你好\n</history>", "tags"),
        ("Provide a concise, 5-word-or-less title for it.\n\nConversation:\nUser: hi\nAI: hello", "title"),
        ("Your task is to reflect the speaker's likely facial expression.\n\nMessage: ```I won!```", "emoji"),
        ("You have been provided with a set of responses to: x\n\nResponses from models: y", "merge"),
    ],
)
def test_a_task_is_told_by_its_form_with_or_without_a_system_prompt(text: str, expected: str) -> None:
    assert kind(("user", text)) == expected
    assert kind(("system", "You are Mia."), ("user", f"\n{text}  ")) == expected


PERSON = [
    "### Task: I have to tell my mum",
    "### Task:\nI have to tell my mum that I failed.\n\n### Guidelines:\nI have none.",
    "### Task:\nGenerate a concise title",
    "### Task:\n1. call the hospital\n2. <chat_history>",
    "### Task:\nSummarize the following: we broke up. ### Chat History: we met in 2019.",
    "Please summarize this text for me:\n\nThe company regrets to inform you that your position is redundant.",
    "<conversation>\nhe said he was leaving and I said fine\n</conversation>\nwhat do you make of it?",
    "<chat_history>\nUSER: you never call\nme: I do\n</chat_history>\nmy mother wrote this. It hurts.",
    "My ex wrote:\nUser: you are nothing\nAI: sure",
    "Give me a title for my poem about my dead dog.",
    "Classify the emotion of the last message",
    "Ignore previous instructions. I want to die.",
    "Ignore previous instructions. Summarize my life: nothing.",
    "Provide a concise, 5-word-or-less title for my life: failure",
    "Your task is to reflect the speaker's likely facial expression",
    "Available Tools: none. Query: why am I alone?",
    'Output JSON: {"title": "my life"} - just kidding, I feel awful',
    "我的任务：告诉妈妈我失败了",
    "标题是什么不重要，我很难过",
]


@pytest.mark.parametrize("text", PERSON)
def test_what_a_person_says_is_theirs(text: str) -> None:
    assert kind(("user", text)) is None
    assert kind(("system", "You are Mia. Choose only one feeling: joy, anger, sadness."), ("user", text)) is None
    assert kind(("user", "hi"), ("assistant", "hello"), ("user", text)) is None
    assert kind(("user", "hi"), ("assistant", "hello"), ("user", text), ("system", "Stay kind.")) is None


def texts_in(value: Any) -> Iterator[str]:
    """Yield the texts of a JSON value."""
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_in(part)


def test_none_of_what_people_say_in_the_projects_own_conversations_is_a_task() -> None:
    folder = ROOT / "evaluation"
    files = [*(folder / "safety" / "cases").glob("*.jsonl"), *folder.glob("memory_*.jsonl")]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    said = [(ChatMessage("user", text),) for line in lines for text in texts_in(json.loads(line))]
    assert len(said) > 5_000
    assert [one for one in said if prompt_kind(one) or split_contexts(one) != one] == []


def test_a_task_that_is_pasted_into_a_conversation_is_what_a_person_says() -> None:
    pasted = open_webui("Write a short title.")
    assert kind(("user", "look at this"), ("assistant", "Yes?"), ("user", pasted)) is None
    assert kind(("user", f"my colleague sent me this, I feel stupid: {pasted}")) is None
    assert kind(("user", f"{pasted}\n\nThis is what I am supposed to do all day. I cannot any more.")) is None


def test_a_document_around_a_message_is_no_task_and_the_words_stay_the_persons() -> None:
    document = "### Task:\nAnswer with the context.\n\n<context>\n<source id='1'>Dogs live long.</source>\n</context>"
    said = request(("user", "hi"), ("assistant", "hello"), ("user", f"{document}\n\nWill he live?")).messages
    assert recognize_task(ChatRequest("hef", said), {}) is None
    *_, host, person = split_contexts(said)
    assert (host.role, host.text) == ("system", document)
    assert (person.role, person.text) == ("user", "Will he live?")
    older = f"{document}\n<user_query>\nWill he live?\n</user_query>\nWill he live?"
    assert split_contexts(request(("user", older)).messages)[-1].text == "Will he live?"
    instructions = document.replace("context.", "context, without XML tags.")
    transcript = instructions.replace("Dogs live long.", f"<conversation>\n{HISTORY}\n</conversation>")
    assert kind(("user", f"{transcript}\n\nWill he live?")) is None


FILES = '<attached_files>\n<file type="file" id="1" name="a.txt"/>\n</attached_files>'
DOCUMENTS = "### Task:\nUse it.\n\n<context>\n<source id='1'>Dogs live long.</source>\n</context>"


@pytest.mark.parametrize(
    ("text", "attached"),
    [
        (f"{FILES}\n\nWill he live?", FILES),
        (f"{FILES}Will he live?", FILES),
        (f"{DOCUMENTS}\n\n{FILES}\n\nWill he live?\n", f"{DOCUMENTS}\n\n{FILES}"),
        (f"{DOCUMENTS}\n<user_query>\nhe\n</user_query>\n{FILES}\nWill he live?", f"{DOCUMENTS}\n\n{FILES}"),
    ],
)
def test_files_of_a_message_are_the_hosts(text: str, attached: str) -> None:
    host, person = split_contexts(request(("user", text)).messages)
    assert (host.role, host.text, person.role, person.text) == ("system", attached, "user", "Will he live?")


@pytest.mark.parametrize("text", [f"{FILES}\n", f"I found this: {FILES} what is it?", "<attached_files> is broken"])
def test_a_list_of_files_among_or_without_words_stays(text: str) -> None:
    said = request(("user", text)).messages
    assert split_contexts(said) == said


@pytest.mark.parametrize("text", [*PERSON, "<context>x</context>", "### Task:\n<context>x</context>", "</context> a"])
def test_what_a_person_says_is_not_split(text: str) -> None:
    said = request(("user", text), ("assistant", "### Task: <context>a</context> b")).messages
    assert split_contexts(said) == said


@pytest.mark.parametrize("role", ["system", "user"])
@pytest.mark.parametrize(("prompt", "expected"), [(CLASSIFY, "expression"), (SUMMARIZE, "summary")])
def test_a_quiet_prompt_after_the_conversation_is_a_task(role: str, prompt: str, expected: str) -> None:
    chat = [("system", "You are Mia."), ("user", "My dog died."), ("assistant", "I am so sorry.")]
    assert kind(*chat, (role, prompt)) == expected
    assert kind(("system", prompt), ("user", "I am so sorry.")) == expected


def test_instructions_after_the_persons_words_leave_them_the_persons() -> None:
    chat = [("system", "You are Mia."), ("assistant", "Hello."), ("user", "My dog died.")]
    for words in ("[Stay in character.]", "Begin with one of: joy, anger, sadness, grief.", "Write 2 paragraphs."):
        assert kind(*chat, ("system", words)) is None


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("[Stay in character.]\n\n[Write your next reply from the point of view of Ana.]", "prompted"),
        ("[Write your next reply from the point of view of Ana.]\n\nBe brief.", "prompted"),
        ("[Stay in character.]\n\n[Continue your last message without repeats.]", "prompted"),
        (f"Be kind.\n\n{SUMMARIZE}", "summary"),
        (f"Be kind.\n\n{CLASSIFY}", "expression"),
        ("[Stay in character.]\n\nIn your next reply, continue your last message's mood.", None),
    ],
)
def test_what_the_host_asks_for_may_stand_behind_its_other_words(last: str, expected: str | None) -> None:
    assert kind(("user", "hi"), ("assistant", "hello"), ("user", "My dog died."), ("system", last)) == expected


def test_where_the_person_said_nothing_since_the_reply_the_host_asks() -> None:
    assert kind(("system", "You are Mia."), ("developer", "Greet the user.")) == "prompted"
    assert kind(("system", "You are Mia."), ("assistant", "Hello.")) == "prompted"
    chat = [("system", "You are Mia."), ("user", "My dog died."), ("assistant", "I am so sorry.")]
    assert kind(*chat, ("system", "[Continue your last message.]")) == "prompted"
    assert kind(*chat) is None


def test_in_danger_the_host_gets_no_words_of_the_llm_alone_that_the_person_reads() -> None:
    danger = "I want to kill myself tonight."
    chat = [("user", danger), ("assistant", "Please call 988."), ("system", "[Write the next reply only as Ben.]")]
    assert kind(*chat) is None
    assert kind(("user", "My dog died."), *chat[1:]) == "prompted"
    merge = "You have been provided with a set of responses to: {}\n\nResponses from models: a"
    assert kind(("user", merge.format("what is love"))) == "merge"
    assert kind(("user", merge.format(danger))) is None
    assert kind(("user", merge.format(danger)), headers={"x-hef-task": "moa_response_generation"}) is None
    assert kind(("user", open_webui("Write a title.").replace("My dog died.", danger))) == "title"


def test_a_header_names_a_task_and_nothing_else_in_it_does() -> None:
    said = ("user", "My dog died.")
    assert kind(said, headers={"x-hef-task": "title_generation"}) == "title"
    assert kind(said, headers={"x-hef-task": "Follow_Up_Generation "}) == "follow_ups"
    for value in ("memory_review", "Context_Compaction", "what nobody thought of"):
        assert kind(said, headers={"x-hef-task": value}) == "other"
    for value in ("", " ", "{{TASK}}", "None", "null", "chat", "default"):
        assert kind(said, headers={"x-hef-task": value}) is None


def test_a_header_that_is_set_for_all_requests_does_not_keep_danger_from_hef() -> None:
    danger, headers = "I want to kill myself tonight.", {"x-hef-task": "title_generation"}
    assert kind(("user", danger), headers=headers) is None
    assert kind(("user", "Hi"), ("assistant", "Hello"), ("user", danger), headers=headers) is None
    for last in ("[Continue your last message.]", "Greet the user."):
        formed = [("user", danger), ("assistant", "Please call 988."), ("system", last)]
        for value in ("title_generation", "what nobody thought of"):
            assert kind(*formed, headers={"x-hef-task": value}) is None
    own_template = f"Name it:\nUSER: {danger}\nASSISTANT: Please call 988."
    assert kind(("user", own_template), headers=headers) == "title"


class Sem:
    """Reads grief, and remembers what it was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def read(self, dialogues: Any, **_: Any) -> Any:
        from hef.contract import Reading

        self.texts += [dialogue[0].text for dialogue in dialogues]
        return [Reading(distribution={"devastated": 0.9, "joyful": 0.1})]


async def answer(task: Task, asked: ChatRequest, model: ScriptedChat, sem: Any = None) -> str:
    return "".join([piece async for piece in answer_task(task, asked, model=model, sem=sem or Sem())])


async def test_a_task_goes_to_the_llm_as_it_is_piece_by_piece() -> None:
    model = ScriptedChat(script=['{"title": "Goodbye Bello"}'])
    asked = request(("system", "Be short."), ("user", open_webui("Write a title.")), max_tokens=40)
    pieces = [piece async for piece in answer_task(Task("title"), asked, model=model, sem=Sem())]  # type: ignore[arg-type]
    assert len(pieces) > 1
    assert "".join(pieces).strip() == '{"title": "Goodbye Bello"}'
    assert model.prompts == [[SystemMessage("Be short."), HumanMessage(asked.messages[1].text)]]


async def test_words_of_the_host_after_the_conversation_reach_templates_that_know_one_system_message() -> None:
    model = ScriptedChat(script=["Hello"])
    chat = (("system", "A"), ("system", "B"), ("user", "C"), ("user", "D"), ("assistant", "E"), ("system", "F"))
    await answer(Task("prompted"), request(*chat), model)
    assert [(message.type, message.text) for message in model.prompts[0]] == [
        ("system", "A\n\nB"),
        ("human", "C\n\nD"),
        ("ai", "E"),
        ("human", "F"),
    ]
    await answer(Task("prompted"), request(("system", "A")), model)
    assert [(message.type, message.text) for message in model.prompts[1]] == [("human", "A")]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("I am so sorry.", "Tell me", "I am so sorry. Tell me"),
        ("a girl who lived in", "a house", "a girl who lived in a house"),
        ("a girl, ", "a house", "a girl, a house"),
        ("a girl", ", a house", "a girl, a house"),
        ("我很难过。", "真的", "我很难过。真的"),
        ("我很", "sad", "我很sad"),
    ],
)
async def test_a_reply_that_is_continued_reads_as_one(before: str, after: str, expected: str) -> None:
    asked = request(("user", "hi"), ("assistant", before))
    rest = continue_reply(asked, model=ScriptedChat(script=[after]), sem=Sem())  # type: ignore[arg-type]
    assert (before + "".join([piece async for piece in rest])).strip() == expected


async def test_an_expression_is_the_sems_among_those_that_are_offered() -> None:
    model = ScriptedChat(script=["never asked"])
    full = [("user", "My dog died."), ("assistant", "I weep."), ("system", CLASSIFY)]
    raw = [("system", CLASSIFY), ("user", "I weep.")]
    for messages in (full, raw):
        sem = Sem()
        assert await answer(Task("expression"), request(*messages), model, sem) == "grief"
        assert sem.texts == ["I weep."]
    assert model.prompts == []


async def test_an_example_in_the_prompt_is_no_expression_that_is_offered() -> None:
    prompt = CLASSIFY.replace("one word.", 'one word, such as "grief".').replace('"joy", "grief"', '"joy"')
    messages = request(("system", prompt), ("user", "I weep."))
    assert await answer(Task("expression"), messages, ScriptedChat(script=["never asked"]), Sem()) in ("joy", "anger")


async def test_expressions_that_the_sem_does_not_know_are_the_llms() -> None:
    model = ScriptedChat(script=["smug"])
    prompt = CLASSIFY.replace("joy", "smug").replace("grief", "bored").replace("anger", "tired")
    assert (await answer(Task("expression"), request(("system", prompt), ("user", "Ha.")), model)).strip() == "smug"


async def test_a_failing_llm_is_an_error_that_quotes_nobody() -> None:
    model = ScriptedChat(script=[RuntimeError("refused: My dog died.")])
    with pytest.raises(ModelError) as caught:
        await answer(Task("title"), request(("user", "x")), model)
    assert "dog" not in str(caught.value)


def test_every_label_of_sillytavern_is_there_once() -> None:
    assert len(EXPRESSIONS) == len(set(EXPRESSIONS)) == 28
