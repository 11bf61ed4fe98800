"""Draw the page of `hef ui`: `python scripts/draw_page.py docs/figures/page.png` (needs the extra `ui`, Chromium).

The conversation is real but for the LLM's words, which stand below: SEM, cause words, decision and memory work as ever.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import uvicorn
from hef.cli.chat.conversation_file import open_conversations
from hef.cli.page.page_conversations import PageConversations
from hef.cli.settings import Settings
from hef.contract import Memory
from hef.graph import HefContext, create_hef, open_store
from hef.memory import remember_turn
from hef.sem import resolve_sem
from hef.ui.page_app import page_app
from hef.ui.page_events import create_page
from hef.ui.page_host import PageHost
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from PIL import Image
from playwright.sync_api import Page, sync_playwright

PERSON = "ana"
DAY = 86_400
EARLIER = (
    Memory(
        id="river",
        text="Bella and I walk along the river before work, she has to greet every duck.",
        reply="That sounds like a good way to begin a day.",
        emotion="content",
        probability=0.61,
        time=time.time() - 12 * DAY,
    ),
    Memory(
        id="vet",
        text="The vet says Bella's heart is getting weak. I try not to think about it.",
        reply="You are already carrying it, even so.",
        emotion="apprehensive",
        probability=0.58,
        time=time.time() - 5 * DAY,
    ),
)
TURNS = {
    "Bella died on Sunday. The house is so quiet without her.": (
        "lonely",
        "I am so sorry about Bella. After years of her steps and her breathing, a quiet house is the loudest thing "
        "there is.\n\nWhat is the hardest hour of the day?",
    ),
    "The mornings. I still wake up early and then there is nobody to take to the river.": (
        "lonely",
        "Of course you wake: that hour was *hers*. And the ducks are still there, whom she had to greet, every one.\n\n"
        "Would it help to walk there once without her, or is it too soon?",
    ),
}
"""What is said, the emotion that the LLM names, and what it answers."""
SIZE = {"width": 1280, "height": 860}
COLORS = 96


class PictureLlm(BaseChatModel):
    """The LLM of the picture."""

    @property
    def _llm_type(self) -> str:
        return "picture"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self._answer(messages)))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(content=self._answer(messages)))

    def _answer(self, messages: list[BaseMessage]) -> str:
        """Return an emotion where the prompt asks for one of many, else a reply."""
        prompt = "\n".join(str(message.content) for message in messages)
        emotion, reply = [answer for text, answer in TURNS.items() if text in prompt][-1]
        return emotion if all(label in prompt for label in ("nostalgic", "jealous", "faithful")) else reply


@contextmanager
def serve(home: Path) -> Iterator[str]:
    """Serve the page in a thread, and yield its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    servers: list[uvicorn.Server] = []
    started = threading.Event()

    async def run() -> None:
        sem = resolve_sem(None)
        builder = create_hef(model=PictureLlm(), sem=sem)
        async with open_conversations(home) as saver:
            with open_store(home, sem) as store:
                for memory in EARLIER:
                    remember_turn(store, PERSON, memory)
                host = PageHost(
                    kept=builder.compile(checkpointer=saver, store=store),
                    unkept=builder.compile(checkpointer=InMemorySaver(), store=store),
                    context=HefContext(user_id=PERSON, ask="always"),
                    conversations=PageConversations(Settings.model_validate({"home": home, "user": PERSON}), store),
                    model="picture",
                    sem="minilm",
                )
                app = page_app(create_page(host), host="127.0.0.1")
                servers.append(uvicorn.Server(uvicorn.Config(app, log_level="warning")))
                started.set()
                await servers[0].serve([listening])

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    started.wait()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    servers[0].should_exit = True
    thread.join()


def talk(page: Page, address: str) -> bytes:
    """Say the turns, and return the picture."""
    page.goto(address)
    page.wait_for_selector(".hef-greeting")
    for count, text in enumerate(TURNS, 1):
        page.fill("#hef-message textarea", text)
        page.keyboard.press("Enter")
        page.wait_for_function(
            "count => document.querySelectorAll('.hef-said').length === count && !document.querySelector('.hef-live')",
            arg=count,
        )
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    return page.screenshot()


def main() -> None:
    """Write the picture to the file that is named."""
    file = Path(sys.argv[1])
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as home, serve(Path(home)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        picture = talk(browser.new_page(viewport=SIZE, device_scale_factor=1), address)  # type: ignore[arg-type]
        browser.close()
    image = Image.open(BytesIO(picture)).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    image.save(file, optimize=True)
    print(f"{file}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
