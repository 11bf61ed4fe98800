"""Messages made into the text that a local model continues, and cut where they exceed its window."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage

from ...contract import ModelError, SetupError

Turns: TypeAlias = list[dict[str, str]]
_CHAT_ROLES = {"system": "system", "developer": "system", "assistant": "assistant", "ai": "assistant"}


class Prompter:
    """Renders messages with a tokenizer's chat template."""

    def __init__(self, tokenizer: Any) -> None:
        """Take the tokenizer.

        Raises:
            SetupError: It has no chat template.
        """
        if not getattr(tokenizer, "chat_template", None):
            raise SetupError(
                f"{tokenizer.name_or_path!r} has no chat template, so it cannot converse: give an instruct model"
            )
        self._tokenizer = tokenizer
        special = sorted((str(t) for t in tokenizer.added_tokens_decoder.values() if t.special), key=len)
        self._special = re.compile("|".join(map(re.escape, reversed(special))) or r"(?!)")

    def text(self, messages: Sequence[BaseMessage], *, prefix: str = "", budget: int | None = None) -> str:
        """Return the prompt, at whose end the assistant is to go on.

        Messages may stand in any order: system messages are joined and come first, neighbours of
        one role are joined, what is neither the person's nor the assistant's is the person's, and
        an assistant's message at the end is continued. Special tokens inside a message are taken
        out, so that no text can pose as another role.

        Args:
            messages: The conversation, oldest first.
            prefix: How the assistant's turn begins.
            budget: At most so many tokens. The oldest turns go first, never the system's, and as a
                last resort the beginning of the last turn.

        Raises:
            SetupError: There are no messages.
            ModelError: The system message alone exceeds the budget, or the template refuses.
        """
        turns = self._turns(messages)
        begun = turns.pop()["content"] if turns[-1]["role"] == "assistant" else ""
        prefix = begun + prefix
        if budget is not None and self._over(turns, prefix, budget) > 0:
            turns = self._shortened(self._without_oldest(turns, prefix, budget), prefix, budget)
        return self._render(turns) + prefix

    def _turns(self, messages: Sequence[BaseMessage]) -> Turns:
        if not messages:
            raise SetupError("no messages were given; give at least one")
        said = [{"role": _role(message), "content": self._clean(_content(message))} for message in messages]
        return _joined(sorted(said, key=lambda turn: turn["role"] != "system"))

    def _clean(self, text: str) -> str:
        return self._special.sub(" ", text)

    def _count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _render(self, turns: Turns) -> str:
        try:
            return self._template(turns)
        except Exception as error:
            if turns and turns[0]["role"] == "system":
                return self._render(_joined([{**turns[0], "role": "user"}, *turns[1:]]))
            raise ModelError(f"the model's chat template refuses the conversation: {error}") from error

    def _template(self, turns: Turns) -> str:
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    def _over(self, turns: Turns, prefix: str, budget: int) -> int:
        return self._count(self._render(turns) + prefix) - budget

    def _without_oldest(self, turns: Turns, prefix: str, budget: int) -> Turns:
        """Drop as few of the oldest turns as will do, so that one of the person's comes first."""
        first = int(bool(turns) and turns[0]["role"] == "system")
        spare = max(len(turns) - 1 - first, 0)

        def left(dropped: int) -> Turns:
            return [*turns[:first], *turns[first + dropped :]]

        dropped = bisect_left(range(spare), True, key=lambda some: self._over(left(some), prefix, budget) <= 0)
        while dropped < spare and turns[first + dropped]["role"] == "assistant":
            dropped += 1
        return left(dropped)

    def _shortened(self, turns: Turns, prefix: str, budget: int) -> Turns:
        """Take as few tokens as will do from the beginning of the last turn."""
        last = turns[-1] if turns else {"role": "system", "content": ""}
        ids = self._tokenizer(last["content"], add_special_tokens=False)["input_ids"]

        def left(taken: int) -> Turns:
            if not taken:
                return turns
            return [*turns[:-1], {**last, "content": self._tokenizer.decode(ids[taken:])}]

        taken = bisect_left(range(len(ids)), True, key=lambda some: self._over(left(some), prefix, budget) <= 0)
        if taken and (taken == len(ids) or last["role"] == "system"):
            raise ModelError(
                f"the prompt without any turn that could be cut exceeds its {budget} tokens: "
                "shorten the system message, or lower max_tokens"
            )
        return left(taken)


def _role(message: BaseMessage) -> str:
    if isinstance(message, SystemMessage):
        return "system"
    if isinstance(message, AIMessage):
        return "assistant"
    return _CHAT_ROLES.get(message.role, "user") if isinstance(message, ChatMessage) else "user"


def _content(message: BaseMessage) -> str:
    text = str(message.text)
    if isinstance(message, AIMessage):
        calls = [f"[{call['name']} {json.dumps(call['args'], ensure_ascii=False)}]" for call in message.tool_calls]
        return "\n".join(filter(None, [text, *calls]))
    if isinstance(message, HumanMessage | SystemMessage | ChatMessage):
        return text
    return f"[{message.name or message.type}] {text}"


def _joined(turns: Turns) -> Turns:
    """Join neighbours of one role."""
    joined: Turns = []
    for turn in turns:
        if joined and joined[-1]["role"] == turn["role"]:
            turn = {**turn, "content": f"{joined.pop()['content']}\n{turn['content']}"}
        joined.append(turn)
    return joined
