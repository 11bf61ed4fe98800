"""Chat messages rendered as the prompt of a local model, truncated to its context window."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage

from ...contract import ModelError, SetupError

Turns: TypeAlias = list[dict[str, str]]
_CHAT_ROLES = {"system": "system", "developer": "system", "assistant": "assistant", "ai": "assistant"}


class Prompter:
    """Renders messages with a tokenizer's chat template."""

    def __init__(self, tokenizer: Any, variables: Mapping[str, Any] | None = None) -> None:
        """Store the tokenizer.

        Args:
            tokenizer: A tokenizer with a chat template.
            variables: Further variables of the template, such as `enable_thinking`; it ignores those it does not know.

        Raises:
            SetupError: It has no chat template.
        """
        if not getattr(tokenizer, "chat_template", None):
            raise SetupError(
                f"{tokenizer.name_or_path!r} has no chat template, so the model cannot chat; give an instruct model"
            )
        self._tokenizer = tokenizer
        self._variables = dict(variables or {})
        special = sorted((str(t) for t in tokenizer.added_tokens_decoder.values() if t.special), key=len)
        self._special = re.compile("|".join(map(re.escape, reversed(special))) or r"(?!)")

    def text(self, messages: Sequence[BaseMessage], *, prefix: str = "", budget: int | None = None) -> str:
        """Return the prompt, which ends where the assistant's text begins.

        Messages may come in any order: system messages are merged and come first, neighbours of
        one role are merged, a role other than system and assistant counts as the user, and an
        assistant message at the end is continued. Special tokens inside a message are removed,
        so that no text can pose as another role.

        Args:
            messages: The conversation, oldest first.
            prefix: The beginning of the assistant's turn.
            budget: Largest number of tokens. The oldest turns are dropped first, never the system's, and
                as a last resort the beginning of the last turn.

        Raises:
            SetupError: There are no messages.
            ModelError: The system message alone exceeds the budget, or the template rejects the conversation.
        """
        turns = self._turns(messages)
        partial_reply = turns.pop()["content"] if turns[-1]["role"] == "assistant" else ""
        prefix = partial_reply + prefix
        if budget is not None and not self._fits(turns, prefix, budget):
            turns = self._truncate_last(self._drop_oldest(turns, prefix, budget), prefix, budget)
        return self._render(turns) + prefix

    def _turns(self, messages: Sequence[BaseMessage]) -> Turns:
        if not messages:
            raise SetupError("no messages were given; give at least one")
        turns = [
            {"role": _role(message), "content": self._without_special_tokens(_content(message))} for message in messages
        ]
        return _merge_neighbours(sorted(turns, key=lambda turn: turn["role"] != "system"))

    def _without_special_tokens(self, text: str) -> str:
        return self._special.sub(" ", text)

    def _count_tokens(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _render(self, turns: Turns) -> str:
        try:
            return self._apply_template(turns)
        except Exception as error:
            if turns and turns[0]["role"] == "system":
                return self._render(_merge_neighbours([{**turns[0], "role": "user"}, *turns[1:]]))
            raise ModelError(f"the model's chat template rejects the conversation: {error}") from error

    def _apply_template(self, turns: Turns) -> str:
        options = {**self._variables, "tokenize": False, "add_generation_prompt": True}
        return str(self._tokenizer.apply_chat_template(turns, **options))

    def _fits(self, turns: Turns, prefix: str, budget: int) -> bool:
        return self._count_tokens(self._render(turns) + prefix) <= budget

    def _drop_oldest(self, turns: Turns, prefix: str, budget: int) -> Turns:
        """Drop as few of the oldest turns as necessary, so that a user turn comes first."""
        first = int(bool(turns) and turns[0]["role"] == "system")
        droppable = max(len(turns) - 1 - first, 0)

        def without(dropped: int) -> Turns:
            return [*turns[:first], *turns[first + dropped :]]

        dropped = bisect_left(range(droppable), True, key=lambda count: self._fits(without(count), prefix, budget))
        while dropped < droppable and turns[first + dropped]["role"] == "assistant":
            dropped += 1
        return without(dropped)

    def _truncate_last(self, turns: Turns, prefix: str, budget: int) -> Turns:
        """Remove as few tokens as necessary from the beginning of the last turn."""
        last = turns[-1] if turns else {"role": "system", "content": ""}
        ids = self._tokenizer(last["content"], add_special_tokens=False)["input_ids"]

        def without(removed: int) -> Turns:
            if not removed:
                return turns
            return [*turns[:-1], {**last, "content": self._tokenizer.decode(ids[removed:])}]

        removed = bisect_left(range(len(ids)), True, key=lambda count: self._fits(without(count), prefix, budget))
        if removed and (removed == len(ids) or last["role"] == "system"):
            raise ModelError(
                f"the prompt exceeds its {budget} tokens even without any turn that could be shortened; "
                "shorten the system message, or lower max_tokens"
            )
        return without(removed)


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


def _merge_neighbours(turns: Turns) -> Turns:
    """Merge neighbouring turns of one role."""
    merged: Turns = []
    for turn in turns:
        if merged and merged[-1]["role"] == turn["role"]:
            turn = {**turn, "content": f"{merged.pop()['content']}\n{turn['content']}"}
        merged.append(turn)
    return merged
