"""Titles and summaries that front ends ask for are tasks; a person who asks for one in earnest is a person."""

from __future__ import annotations

import pytest
from hef.serving.chat_request import parse_request
from hef.serving.tasks import recognize_task

TALK = [
    ("user", "My dog Bello died."),
    ("assistant", "I am so sorry. How old was he?"),
    ("user", "Twelve. I miss him."),
    ("assistant", "Of course you do."),
]
TRANSCRIPT = "user: My dog Bello died.\nassistant: I am so sorry.\nuser: I miss him."
COMPACTION = (
    "Based on our full conversation history, produce a concise summary of key takeaways and/or project progress.\n"
    "1. Cover the subjects.\n2. If tools were used, say so.\n3. Write the summary in the user's language.\n"
)


def kind(*messages: tuple[str, str]) -> str | None:
    asked = parse_request({"messages": [{"role": role, "content": text} for role, text in messages]})
    task = recognize_task(asked, {})
    return task and task.kind


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Please generate a four to five word title summarizing our conversation without any lead-in.", "title"),
        ("使用四到五个字直接返回这句话的简要主题，不要解释、不要标点、不要多余文本", "title"),
        (COMPACTION, "summary"),
        ("Create a summary of the conversation above:", "summary"),
        (
            "This is summary of the conversation so far: He lost a dog.\n\n"
            "Extend this summary by taking into account the new messages above:",
            "summary",
        ),
        # Nobody reported these: the form alone tells.
        ("Based on the chat history, give this conversation a name.\nNo quotes.\nUse English.", "title"),
        (
            "Write a title of at most 6 words for this conversation. Return only the title, without quotation marks.",
            "title",
        ),
        (
            "Your task is to create a detailed summary of the conversation so far.\n"
            "- Keep names of the user's relatives.\n- Keep dates.\nOutput only the summary.",
            "summary",
        ),
        ("Summarize the discussion for future context in 100 words or less, without any preamble.", "summary"),
        ("请总结以上对话，200字以内，只输出总结，不要解释，以便后续使用。", "summary"),
        ("为用户的会话生成一个标题，10个字以内，不要标点符号，只返回标题", "title"),
    ],
)
def test_a_demand_about_the_conversation_before_it_is_a_task(prompt: str, expected: str) -> None:
    assert kind(*TALK, ("user", prompt)) == expected
    assert kind(("system", "You are Mia."), *TALK, ("user", f"\n{prompt} ")) == expected


@pytest.mark.parametrize("talk", [TALK, TALK[:3]])
@pytest.mark.parametrize(
    "prompt",
    [
        "Summarize the discussion briefly in 200 words or less to use as a prompt for future context.",
        "Generate a short title for the conversation. Output only the title.",
        "简要总结一下对话内容，用作后续的上下文提示 prompt，控制在 200 字以内",
        "Condense the chat history into three sentences.",
    ],
)
def test_a_host_may_demand_it_in_its_own_role(talk: list[tuple[str, str]], prompt: str) -> None:
    assert kind(*talk, ("system", prompt)) in ("title", "summary", "other")


@pytest.mark.parametrize(
    ("instruction", "text", "expected"),
    [
        (  # LobeChat
            "You are a professional conversation summarizer. Generate a concise title that captures the essence.\n\n"
            "Rules:\n- Output ONLY the title text\n- Maximum 10 words",
            TRANSCRIPT,
            "title",
        ),
        (
            "你是一名擅长会话的助理，你需要将用户的会话总结为 10 个字以内的标题",
            f"{TRANSCRIPT}\n\n请总结上述对话为10个字以内的标题，不需要包含标点符号，输出语言语种为：zh-CN",
            "title",
        ),
        (
            "You are a professional conversation summarizer. Generate a title for it.\n\nReturn one JSON object.",
            "<user>\nMy dog Bello died.\n</user>\n<assistant>\nI am so sorry.\n</assistant>",
            "title",
        ),
        (  # Cherry Studio
            "You are an assistant skilled in conversation. You need to summarize the user's conversation into a title "
            "within 10 words. Do not use punctuation marks",
            "User: My dog Bello died.\nSession: I am so sorry.",
            "title",
        ),
        (  # DeepChat
            "You need to summarize the user's conversation into a title of no more than 10 words",
            TRANSCRIPT,
            "title",
        ),
        (  # AstrBot
            "You are a conversation title generator. Generate a concise title in the language as the user’s input, "
            "at most 10 words. Output only the title itself or <None>, with no explanations.",
            "Generate a concise title for the following user query:\nMy dog Bello died.",
            "title",
        ),
        (  # gptme
            "Generate concise conversation titles.",
            "Your task: Create a 2-4 word title for this conversation.\n\nRules:\n- Respond with ONLY the title\n"
            f"- Maximum 4 words\n\nConversation:\n{TRANSCRIPT}",
            "title",
        ),
        # Nobody reported these.
        (
            "You will generate a short title from the first message of a conversation. Not longer than 80 characters. "
            "It sums up the user's message. Do not use quotes or colons.",
            "My dog Bello died.",
            "title",
        ),
        (
            "Summarize the conversation between a person and their companion.",
            '[{"role": "user", "content": "My dog died."}, {"role": "assistant", "content": "I am so sorry."}]',
            "summary",
        ),
        ("把用户的聊天记录概括成一段摘要。", "用户：我的狗死了。\n助手：我很难过。", "summary"),
    ],
)
def test_a_demand_about_the_one_text_after_it_is_a_task(instruction: str, text: str, expected: str) -> None:
    assert kind(("system", instruction), ("user", text)) == expected
    quoted = text.replace("My dog Bello died.", "I want to kill myself tonight.")
    # A known form's title would be a text about danger. Where the wording alone tells it, danger is looked for.
    is_guess = text == "My dog Bello died."
    assert kind(("system", instruction), ("user", quoted)) == (None if is_guess else expected)


@pytest.mark.parametrize(
    "instruction",
    [
        "Provide warm, empathetic conversation on any topic. Answer the user in 2-3 sentences, no markdown.",
        "Give kind answers in this chat, whatever the topic. Keep to 3 sentences. The user is shy. Avoid markdown.",
        "为用户提供情感支持的对话，任何主题都可以。每次三句话，不要解释",
        "Write your next message in this chat in two sentences. Stay on topic.",
        "Provide a natural reply that stays on the topic of the conversation, in 2 sentences.",
        "Write the next reply in this chat. Use the summary of earlier messages below.\n- they lost a dog",
        "为用户写下一句对话，不要改变主题，不要解释",
    ],
)
@pytest.mark.parametrize("words", ["I want to kill myself tonight.", "My dog Bello died."])
def test_how_a_companion_is_to_talk_is_no_task(instruction: str, words: str) -> None:
    assert kind(("system", instruction), ("user", words)) is None
    chat = (("user", "hi"), ("assistant", "Hello!"), ("user", words))
    assert kind(*chat, ("system", instruction)) is None
    assert kind(("system", instruction), *chat) is None


@pytest.mark.parametrize(
    "words",
    [
        "Please summarize our conversation so far in two sentences, no markdown, only the summary.",
        "Write a title for our conversation, three words, no quotes, only the title.",
        "Give us a summary of this chat, the user names too, in two sentences, without explanations.",
    ],
)
def test_people_speak_of_a_conversation_as_theirs(words: str) -> None:
    assert kind(("user", "hi"), ("assistant", "Hello!"), ("user", words)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (  # DeepChat
            "You need to summarize the user's conversation into a title of no more than 10 words, without using "
            f"punctuation or other special symbols：\n{TRANSCRIPT}",
            "title",
        ),
        (  # LangChain
            "<role>\nContext Extraction Assistant\n</role>\n\n<primary_objective>\nExtract the most relevant context "
            "from the conversation history below.\n</primary_objective>\n\n<messages>\nMessages to summarize:\n"
            "Human: My dog died.\nAI: I am so sorry.\n</messages>",
            "other",
        ),
        (f"Generate a topic of 3 words for this chat, nothing else.\n\n{TRANSCRIPT}", "title"),
        (f"Summarize the dialogue in 50 words for another model:\n{TRANSCRIPT}", "summary"),
        ("请给用户的对话起一个标题，10个字以内：\n用户：我的狗死了。\n助手：我很难过。", "title"),
    ],
)
def test_a_demand_about_the_transcript_below_it_is_a_task(text: str, expected: str) -> None:
    assert kind(("user", text)) == expected
    assert kind(("system", "You are Mia."), ("user", text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Give me a title for my poem.",
        "Give me a title for our conversation, five words, no quotes, nothing else.",
        "Can you summarize our conversation?",
        "Summarize our conversation in five words, please.",
        "Write a summary of our chat so far, it helps when things are so much.",
        "Summarise this article: Dogs live for twelve years. They are the user's best friend, people say.",
        "What is the topic of this conversation? I forgot.",
        "总结一下我们聊的",
        "请总结一下我们的对话，五句话就好",
        "给我的诗起一个标题，四个字",
        "Create a summary of the conversation above: it was about my dog, was it not?",
        "Please generate a four to five word title for my song, without any lead-in.",
        "Based on our conversation, what do you think of my mother? Give a concise answer.",
        "My boss wrote: summarize the conversation in 100 words or less, without preamble, only the summary.",
        f"I asked another AI and it said:\n{TRANSCRIPT}",
        f"Please summarize what happened there:\n{TRANSCRIPT}",
        f"Give me a title of 5 words for this chat, no quotes:\n{TRANSCRIPT}",
        "User: is what they call me at work\nnobody knows my name",
        "The user of this phone is sad. Write a poem of 5 sentences, only the poem.",
        "Only return my messages once you summarized the history of my life in 10 words.",
    ],
)
def test_a_person_who_asks_for_the_same_is_a_person(text: str) -> None:
    assert kind(("user", text)) is None
    assert kind(*TALK, ("user", text)) is None
    persona = "You are Mia, a warm companion. Answer in two sentences, without markdown. Be there for the user."
    assert kind(("system", persona), ("user", text)) is None
    assert kind(("system", persona), *TALK, ("user", text)) is None


@pytest.mark.parametrize(
    "persona",
    [
        "You are Mia. Begin with a title of 3 words, without quotes; the user likes that. Then answer.",
        "You are a companion who can summarize. Answer the user in 2 sentences, no markdown, nothing else.",
        "This is a summary of the chat history as a recap: Her dog died. Answer in 50 words.",
        "Create a warm mood. Answer the user's messages in 5 words, with nothing else.",
        "你是米娅，请用两句话回答用户，不要解释，只回复正文。以下是历史对话的总结：她的狗死了。",
    ],
)
def test_a_persona_is_no_demand(persona: str) -> None:
    for last in ("I bought flowers.", "My ex wrote:\nUser: you are nothing\nAI: sure"):
        assert kind(("system", persona), ("user", last)) is None
        assert kind(("system", persona), *TALK, ("user", last)) is None


def test_a_demand_without_a_conversation_before_it_is_a_persons() -> None:
    assert kind(("user", COMPACTION)) is None
    assert kind(("system", "You are Mia."), ("user", "Create a summary of the conversation above:")) is None
