"""Local models whose chat template opens a thought, or lets it be switched off."""

from __future__ import annotations

from pathlib import Path

import pytest
from hef.llm import LocalChat, resolve_model
from hef.prompts.thoughts import without_thoughts
from tiny_llm import tiny_llm

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tiny_llm(tmp_path_factory.mktemp("thinking"))
    (path / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return path


def test_a_thought_that_the_template_opens_is_opened_in_the_answer(folder: Path) -> None:
    chat = LocalChat(model_id=str(folder), max_tokens=4, temperature=0)

    answer = str(chat.invoke("Hi.").text)

    assert answer.startswith("<think>\n")
    assert "".join(str(chunk.text) for chunk in chat.stream("Hi.")) == answer
    assert without_thoughts(answer) == ""


def test_the_template_can_be_told_not_to_open_one(folder: Path) -> None:
    chat = LocalChat(model_id=str(folder), max_tokens=4, temperature=0, chat_template_kwargs={"enable_thinking": False})

    assert "<think>" not in str(chat.invoke("Hi.").text)
    assert chat._identifying_params["chat_template_kwargs"] == {"enable_thinking": False}


def test_a_model_that_is_named_does_not_think(folder: Path) -> None:
    assert resolve_model(f"huggingface:{folder}").chat_template_kwargs == {"enable_thinking": False}  # type: ignore[attr-defined]
    assert resolve_model("embedded").chat_template_kwargs == {}  # type: ignore[attr-defined]
