"""The page in a browser, as a test uses it, and the LLM that answers there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from scripted_chat import ScriptedChat


class NumberedChat(ScriptedChat):
    """A chat model that numbers its replies, and does not end the one to somebody who asks it to wait."""

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        self._next(messages)
        for word in (f"Reply {len(self.prompts)}", " to *you*."):
            chunk = ChatGenerationChunk(message=AIMessageChunk(word))
            if run_manager:
                await run_manager.on_llm_new_token(word, chunk=chunk)
            yield chunk
            if "Wait for me" in str(messages[-1].content):
                await asyncio.Event().wait()


@dataclass
class Browser:
    """The page in a browser."""

    page: Any
    outside: list[str] = field(default_factory=list)
    """Addresses that were asked for elsewhere than on this machine."""
    errors: list[str] = field(default_factory=list)
    """Errors that the browser reported."""

    def begin(self) -> None:
        from playwright.sync_api import expect

        name = self.page.locator("#hef-conversations input")
        before = name.input_value()
        self.page.click("#hef-new")
        expect(name).not_to_have_value(before)  # an empty conversation greets, too
        self.page.wait_for_selector(".hef-greeting")

    def say(self, text: str) -> None:
        count = self.said().count()
        self.page.fill("#hef-message textarea", text)
        self.page.keyboard.press("Enter")
        self.wait_for_turns(count + 1)

    def said(self) -> Any:
        return self.page.locator(".hef-turns:not(.hef-live) .hef-said")

    def wait_for_turns(self, count: int) -> None:
        from playwright.sync_api import expect

        expect(self.page.locator(".hef-live")).to_have_count(0)
        expect(self.said()).to_have_count(count)
        expect(self.page.locator("#hef-send")).to_be_visible()

    def replies(self) -> list[str]:
        return [text.strip() for text in self.page.locator(".hef-reply .hef-bubble").all_inner_texts()]

    def panel(self, tab: str) -> None:
        self.page.get_by_role("tab", name=tab).click()
