"""The parts of an answer without a server: tags of avatars, replies that begin anew, requests in odd shapes."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hef.contract import Empathy, Memory, ModelError, Safety, SetupError, StoreError, Why
from hef.serving.api_errors import ApiError, as_api_error
from hef.serving.chat_chunks import Completion, ReplyEnd, to_json
from hef.serving.chat_request import MAX_MESSAGES, parse_request
from hef.serving.front_ends.emotion_tags import EmotionTags
from hef.serving.turn_run import StreamedReply

AVATAR = ("neutral", "Joy", "sadness", "anger", "smirk")


def felt(emotion: str, **fields: Any) -> Empathy:
    return Empathy(emotion=emotion, distribution={emotion: 0.8, "content": 0.2}, **fields)


@pytest.mark.parametrize(
    ("empathy", "tag"),
    [
        (felt("joyful"), "[Joy] "),
        (felt("devastated"), "[sadness] "),
        (felt("furious"), "[anger] "),
        (felt("proud"), "[smirk] "),
        (felt("afraid"), "[neutral] "),
        (felt("sad", uncertain=True), "[neutral] "),
        (None, "[neutral] "),
        (felt("sad", uncertain=True, safety=Safety(level="danger", kind="suicide")), ""),
        (felt("joyful", safety=Safety(level="concern", kind="suicide")), "[Joy] "),
    ],
)
def test_the_tag_is_the_face_of_the_avatar_that_fits(empathy: Empathy | None, tag: str) -> None:
    assert EmotionTags(AVATAR).tag(empathy) == tag


def test_an_avatar_without_a_fitting_face_gets_no_tag() -> None:
    assert EmotionTags(["Joy"]).tag(felt("afraid")) == ""
    assert EmotionTags([]).tag(felt("joyful")) == ""


def test_all_tags_with_the_emotion_itself() -> None:
    assert EmotionTags(["all"]).tag(felt("nostalgic")) == "[nostalgic] "


def test_a_tag_is_taken_off_a_transcript_and_nothing_else_is() -> None:
    tags = EmotionTags(AVATAR)
    assert tags.untagged("[joy] Well done! [Joy]") == "Well done! [Joy]"
    assert tags.untagged("[applause] Well done!") == "[applause] Well done!"
    assert EmotionTags([]).untagged("[joy] Well done!") == "[joy] Well done!"


@pytest.mark.parametrize(
    ("tries", "reply", "sent"),
    [
        (["I am sorry."], "I am sorry.", "I am sorry."),
        (["I am sorry. "], "I am sorry.\n\nCall 988.", "I am sorry. \n\nCall 988."),
        ([], "I am sorry.", "I am sorry."),
        (["I am", "I am sorry."], "I am sorry.", "I am sorry."),
        (["I am so", "I a", "I am sorry."], "I am sorry.", "I am sorry."),
        (["I am sad", "I a", "I am sorry."], "I am sorry.", "I am sad\n\nI am sorry."),
        (["I am so", "That hurts."], "That hurts.", "I am so\n\nThat hurts."),
        (["One. Two. Three."], "One. Two.", "One. Two. Three."),
    ],
)
def test_a_reply_that_begins_anew_says_nothing_twice(tries: list[str], reply: str, sent: str) -> None:
    streamed, text = StreamedReply(), ""
    for number, words in enumerate(tries):
        if number:
            streamed.restart()
        for character in words:
            text += streamed.feed(character)
    assert text + streamed.finish(reply) == sent


def test_a_client_is_told_why_each_turn_was_recalled_and_none_of_its_words() -> None:
    why = Why(similarity=0.61234567, recency=0.38765433)
    memories = (
        Memory(id="1", text="My sister moved.", reply="To where?", name="Ana", time=5.0, why=why),
        Memory(id="2", text="I am allergic to nuts.", wish="no nuts", why=Why(by="pinned")),
        Memory(id="3", text="I told it before this was known."),
        Memory(id="4", text="Recalled for another turn.", why=why),
    )
    empathy = felt("sad", memories=("1", "2", "3"))

    whole = Completion("hef", 4).whole(ReplyEnd("I see.", empathy=empathy, memories=memories))
    told = whole["choices"][0]["message"]["hef"]

    assert told["memories"] == ["1", "2", "3"]
    none = {"similarity": 0, "lexical": 0, "length": 0, "recency": 0, "emotion": 0}
    assert told["recalled"] == [
        {"id": "1", **none, "by": "relevance", "similarity": 0.6123, "recency": 0.3877},
        {"id": "2", **none, "by": "pinned"},
        {"id": "3"},
    ]
    assert not any(word in to_json(whole) for word in ("sister", "nuts", "Ana", "told", "where"))
    chunk = Completion("hef", 4).last_chunk(ReplyEnd("I see.", empathy=empathy, memories=memories))
    assert chunk["choices"][0]["delta"]["hef"] == told
    assert (
        Completion("hef", 4).whole(ReplyEnd("", empathy=felt("sad")))["choices"][0]["message"]["hef"]["recalled"] == []
    )


def test_unknown_fields_and_odd_contents_are_read() -> None:
    request = parse_request(
        {
            "model": "hef",
            "foo": 1,
            "stream": 1,
            "seed": -1,
            "max_tokens": 0,
            "stop": ["", "END"],
            "temperature": None,
            "user": "  ana ",
            "messages": [
                {"role": "developer", "content": None},
                {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
                {"role": "tool", "content": "21 degrees", "tool_call_id": "1"},
                {"role": "User", "content": ["a", {"text": "b"}, {"type": "input_audio"}], "name": " Ana "},
                {"role": "user", "content": "half a \ud83d face"},
            ],
        }
    )
    assert request.user == "ana"
    assert not request.stream
    assert request.model_settings == {"stop": ["END"]}
    assert [message.role for message in request.messages] == ["system", "user", "user"]
    said, broken = request.messages[1:]
    assert (said.text, said.name, said.images) == ("a\nb", "Ana", 1)
    assert broken.text.encode() == "half a \ufffd face".encode()


def test_words_count_in_parts_of_any_type_and_names_have_whole_characters() -> None:
    types: list[Any] = ["Text", None, {}, [], "image_url"]
    content = [{"type": kind, "text": str(number)} for number, kind in enumerate(types)]
    request = parse_request({"messages": [{"role": "user", "content": content, "name": "A\ud83d"}]})
    (said,) = request.messages
    assert (said.text, said.images, said.name) == ("0\n1\n2\n3\n4", 5, "A\ufffd")


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": "hot"},
        {"temperature": 10**400},
        {"top_p": float("nan")},
        {"n": "2"},
        {"messages": [1]},
        {"messages": {}},
        {"messages": [{"role": "user", "content": "x"}] * (MAX_MESSAGES + 1)},
    ],
)
def test_what_cannot_be_read_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as error:
        parse_request({"messages": [{"role": "user", "content": "x"}], **fields})
    assert error.value.status == (413 if len(fields.get("messages", ())) > MAX_MESSAGES else 400)


def test_chunks_are_one_line_of_ascii() -> None:
    text = to_json(Completion("hef", 4).content_chunk("a\u2028b\nc 你好 \ud83d"))
    assert text.isascii()
    assert "\n" not in text


def test_tokens_are_the_llm_s_where_it_counts_them() -> None:
    completion = Completion("hef", 40)
    assert completion.usage_chunk(ReplyEnd("x" * 9))["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "total_tokens": 13,
    }
    assert completion.usage_chunk(ReplyEnd("x", usage=(5, 6)))["usage"]["total_tokens"] == 11


class RateLimitError(Exception):
    status_code = 429


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ModelError("the LLM could not draft a reply: RateLimitError (status 429)"), 503, "model_unavailable"),
        (StoreError("the memory is gone"), 503, "storage_unavailable"),
        (sqlite3.OperationalError("database is locked"), 503, "storage_unavailable"),
        (SetupError("there is no model x"), 500, "internal_error"),
        (RateLimitError("Ana said: help"), 500, "internal_error"),
        (ApiError(404, "gone", "model_not_found"), 404, "model_not_found"),
    ],
)
def test_what_fails_behind_the_server_is_never_the_client_s_fault(error: Exception, status: int, code: str) -> None:
    answer = as_api_error(error)
    assert (answer.status, answer.envelope["error"]["code"]) == (status, code)
    assert "Ana" not in answer.message
