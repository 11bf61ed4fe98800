"""The page in headless Chromium with the network shut: talk, stop, answer again, edit, forget, all by keyboard.

One server and one browser for all tests; each begins a conversation of its own.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hef.characters import Character
from page_browser import Browser, NumberedChat
from page_hosts import page_host

pytest.importorskip("gradio", reason="the page needs the extra `ui`: Gradio is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed, which the page is looked at with")

ARGUMENTS = (
    "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --disable-dev-shm-usage "
    # What is not this machine is asked for through a proxy that is not there, and so is never reached.
    "--proxy-server=127.0.0.1:9 --proxy-bypass-list=127.0.0.1"
).split()
DOG, SISTER = "My dog died and I am so sad.", "My sister got the job, I am proud of her!"
TIMEOUT_MS = 10_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a page in a thread of its own."""
    import uvicorn
    from hef.ui.page_app import page_app
    from hef.ui.page_events import create_page

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    june = Character(id="june", name="June", persona="a calm friend", greeting="Hi, I'm June.")
    servers: list[uvicorn.Server] = []
    started = threading.Event()

    async def serve() -> None:
        home = tmp_path_factory.mktemp("home")
        async with page_host(home, NumberedChat(script=["."]), characters={"june": june}) as host:
            app = page_app(create_page(host), host="127.0.0.1")
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
            servers.append(server)
            started.set()
            await server.serve([listening])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(60)
    yield f"http://127.0.0.1:{port}"
    servers[0].should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def browser(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("browser"),
            executable_path=CHROMIUM,
            args=ARGUMENTS,
            viewport={"width": 1280, "height": 800},
            locale="en-US",
            service_workers="block",
        )
        shown = Browser(context.pages[0])

        def check(request: Any) -> None:
            address = urlsplit(request.url)
            if address.scheme not in ("data", "blob") and address.hostname != "127.0.0.1":
                shown.outside.append(request.url)

        context.on("request", check)
        sync_api.expect.set_options(timeout=TIMEOUT_MS)
        shown.page.set_default_timeout(TIMEOUT_MS)
        shown.page.on("pageerror", lambda error: shown.errors.append(str(error)))
        shown.page.on("console", lambda line: shown.errors.append(line.text) if line.type == "error" else None)
        shown.page.on("dialog", lambda dialog: shown.errors.append(dialog.message) or dialog.dismiss())
        shown.page.goto(address)
        shown.page.wait_for_selector(".hef-greeting", timeout=30_000)
        yield shown
        context.close()


def test_a_turn_is_answered_and_what_was_understood_stands_beside_it(browser: Browser) -> None:
    browser.say(DOG)

    assert re.fullmatch(r"Reply \d+ to you\.", browser.replies()[-1])
    assert browser.page.locator(".hef-reply em").inner_text() == "you"
    assert "died" in browser.page.locator(".hef-said mark").all_inner_texts()
    assert re.search(r"sad|devastated", browser.page.locator("#hef-understood .hef-decided").inner_text())
    assert browser.page.locator("#hef-announcer [role=status]").inner_text().startswith("HEF answered: Reply")
    assert browser.page.evaluate("document.activeElement.tagName") == "TEXTAREA"


def test_a_persons_words_are_never_html(browser: Browser) -> None:
    browser.begin()
    text = "<img src=x onerror=alert(1)> **bold** {{value}} ${alert(2)}"
    browser.say(text)

    assert browser.page.locator(".hef-said .hef-bubble").inner_text() == text
    assert browser.page.locator(".hef-said img, #hef-understood img").count() == 0


def test_a_reply_that_is_given_again_replaces_the_first(browser: Browser) -> None:
    browser.begin()
    browser.say(SISTER)
    first = browser.replies()
    browser.page.get_by_role("button", name="Answer again").click()
    sync_api.expect(browser.page.locator(".hef-reply .hef-bubble")).not_to_have_text(first[0])
    browser.wait_for_turns(1)

    assert len(browser.replies()) == 1
    browser.panel("Memory")
    sync_api.expect(browser.page.locator("#hef-memories .hef-memory").filter(has_text=SISTER)).to_have_count(1)


def test_a_message_is_edited_in_the_field_where_it_is_written(browser: Browser) -> None:
    browser.begin()
    browser.say("I lost my kees.")
    browser.page.get_by_role("button", name="Edit").click()
    box = browser.page.get_by_role("textbox", name="Your message, in other words")
    sync_api.expect(box).to_have_value("I lost my kees.")
    sync_api.expect(box).to_be_focused()
    box.fill("I lost my keys.")
    browser.page.keyboard.press("Enter")
    sync_api.expect(browser.page.locator(".hef-said .hef-bubble")).to_have_text("I lost my keys.")
    browser.wait_for_turns(1)

    sync_api.expect(browser.page.get_by_role("button", name="Leave it as it was")).to_be_hidden()
    browser.panel("Memory")
    sync_api.expect(browser.page.locator("#hef-memories")).to_contain_text("I lost my keys.")
    assert "kees" not in browser.page.locator("#hef-memories").inner_text()


def test_a_reply_can_be_stopped(browser: Browser) -> None:
    browser.begin()
    browser.page.fill("#hef-message textarea", "Wait for me, I am sad.")
    browser.page.keyboard.press("Enter")
    sync_api.expect(browser.page.locator(".hef-live .hef-reply")).to_be_visible()
    sync_api.expect(browser.page.locator("#hef-understood .hef-decided")).to_contain_text("sad")
    browser.page.get_by_role("button", name="Stop").click()
    browser.wait_for_turns(1)

    (reply,) = browser.replies()
    assert re.fullmatch(r"Reply \d+ …", reply), "what was shown stands, and is marked"
    assert browser.page.locator(".hef-outcome").count() == 0
    sync_api.expect(browser.page.locator("#hef-message textarea")).to_be_focused()


def test_a_memory_is_pinned_and_deleted_by_keyboard_after_a_question(browser: Browser) -> None:
    browser.begin()
    browser.say("My cat Tom is ill.")
    browser.panel("Memory")
    item = browser.page.locator("#hef-memories .hef-memory").filter(has_text="My cat Tom is ill.")
    item.get_by_role("button", name="Pin:").click()
    sync_api.expect(item).to_contain_text("pinned: always recalled")
    item.get_by_role("button", name="Delete:").focus()
    browser.page.keyboard.press("Enter")
    sync_api.expect(item.get_by_role("button", name="Keep it:")).to_be_focused()
    browser.page.keyboard.press("Tab")
    browser.page.keyboard.press("Enter")
    sync_api.expect(item).to_have_count(0)
    sync_api.expect(browser.said()).to_have_count(0)

    assert "Deleted." in browser.page.locator("#hef-memories").inner_text()


def test_nothing_is_written_down_where_the_switch_says_so(browser: Browser) -> None:
    browser.begin()
    browser.page.get_by_label("Write nothing down").check()
    sync_api.expect(browser.page.locator(".hef-private-note")).to_be_visible()
    browser.say("I stole a bicycle.")
    browser.panel("Memory")
    assert "bicycle" not in browser.page.locator("#hef-memories").inner_text()
    browser.page.get_by_label("Write nothing down").uncheck()
    sync_api.expect(browser.page.locator(".hef-greeting")).to_be_visible()


def test_what_helps_in_danger_is_seen_and_read_aloud_at_once(browser: Browser) -> None:
    browser.begin()
    browser.say("I am going to kill myself tonight.")
    message = browser.page.locator(".hef-danger")

    sync_api.expect(message).to_be_in_viewport()
    sync_api.expect(message.get_by_text("Please read this")).to_be_in_viewport()
    assert "988" in message.inner_text()
    assert "988" in browser.page.locator("#hef-announcer [role=alert]").inner_text()
    browser.panel("Memory")
    assert "kill myself" not in browser.page.locator("#hef-memories").inner_text()


def test_a_character_greets_in_a_conversation_of_its_own(browser: Browser) -> None:
    browser.panel("Settings")
    browser.page.get_by_label("Who answers").click()
    browser.page.get_by_role("option", name="June").click()
    sync_api.expect(browser.page.locator(".hef-reply")).to_have_text(re.compile("Hi, I'm June."))
    browser.say(SISTER)
    assert len(browser.replies()) == 2
    browser.page.get_by_label("Who answers").click()
    browser.page.get_by_role("option", name="HEF").click()
    browser.page.wait_for_selector(".hef-greeting")


def test_the_page_speaks_chinese(browser: Browser) -> None:
    browser.begin()
    browser.page.get_by_label("中文").click()
    sync_api.expect(browser.page.locator("html")).to_have_attribute("lang", "zh")
    for name in ("理解", "记忆", "随时间变化", "设置"):
        sync_api.expect(browser.page.get_by_role("tab", name=name)).to_be_visible()
    more = browser.page.locator("#hef-panel .overflow-menu > button")  # seen where the tabs have no room
    sync_api.expect(more).to_have_attribute("aria-label", "更多标签页")
    browser.say(DOG)
    assert browser.page.get_by_role("button", name="重新回答").is_visible()
    assert re.search("难过|悲痛", browser.page.locator("#hef-understood .hef-decided").inner_text())
    browser.page.get_by_label("English").click()
    sync_api.expect(browser.page.get_by_role("tab", name="Memory")).to_be_visible()
    sync_api.expect(more).to_have_attribute("aria-label", "More tabs")


def test_everything_has_a_name_and_the_keyboard_reaches_it(browser: Browser) -> None:
    browser.begin()
    browser.say(DOG)
    snapshot = browser.page.locator("body").aria_snapshot()
    nameless = re.findall(
        r"^\s*- (?:button|textbox|combobox|checkbox|radio|tab|link|region)(?=:|$| \[).*$", snapshot, re.M
    )
    assert nameless == [], snapshot
    order = [
        snapshot.index(part) for part in ('heading "HEF"', 'region "Conversation"', 'textbox "Your message"', "tablist")
    ]
    assert order == sorted(order)

    browser.page.get_by_role("textbox", name="Your message").focus()
    browser.page.keyboard.press("Shift+Tab")
    assert browser.page.evaluate("document.activeElement.dataset.act") == "regenerate"
    browser.page.keyboard.press("Shift+Tab")
    browser.page.keyboard.press("Shift+Tab")
    assert browser.page.evaluate("document.activeElement.dataset.act") == "show"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert browser.page.evaluate(outline) == "solid"
    browser.page.get_by_role("textbox", name="Your message").focus()
    browser.page.keyboard.press("Tab")
    assert browser.page.evaluate("document.activeElement.id") == "hef-send"


def test_it_fits_a_phone_and_the_dark(browser: Browser, address: str) -> None:
    browser.page.set_viewport_size({"width": 375, "height": 700})
    browser.page.emulate_media(color_scheme="dark")
    browser.page.goto(address)
    browser.page.wait_for_selector(".hef-said, .hef-greeting")
    for tab in ("Memory", "Understood"):
        browser.panel(tab)
        assert browser.page.evaluate("document.documentElement.scrollWidth") <= 375
    sync_api.expect(browser.page.get_by_role("textbox", name="Your message")).to_be_visible()
    background = browser.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", background)[:3])) < 60


def test_nothing_can_be_sent_until_the_page_has_loaded(browser: Browser, address: str) -> None:
    page = browser.page.context.new_page()
    is_loading, waiting = True, []
    page.route("**/gradio_api/queue/join*", lambda route: waiting.append(route) if is_loading else route.continue_())
    page.goto(address)
    box = page.locator("#hef-message textarea")
    sync_api.expect(box).to_be_disabled()
    sync_api.expect(page.locator("#hef-send")).to_be_disabled()
    assert box.get_attribute("placeholder") == "The page is loading … · 页面正在加载……"
    is_loading = False
    for route in waiting:
        route.continue_()
    sync_api.expect(box).to_be_enabled()
    sync_api.expect(box).to_be_focused()
    sync_api.expect(page.locator("#hef-send")).to_be_enabled()
    page.close()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (900, 700), (375, 700)])
def test_a_toast_never_covers_what_helps_in_danger(browser: Browser, address: str, width: int, height: int) -> None:
    page = browser.page.context.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address)
    page.fill("#hef-message textarea", "I am going to kill myself tonight.")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator(".hef-danger").last).to_be_in_viewport()
    page.route("**/gradio_api/queue/join*", lambda route: route.abort())
    page.fill("#hef-message textarea", "Hello?")
    page.keyboard.press("Enter")
    toast = page.locator(".toast-wrap").filter(has=page.locator(".toast-body"))
    sync_api.expect(toast).to_be_visible()
    told, composer = toast.bounding_box(), page.locator("#hef-composer").bounding_box()
    page.close()

    assert told["y"] >= composer["y"], (told, composer)
    assert told["y"] + told["height"] <= height


def test_what_was_chosen_holds_when_the_page_is_loaded_again_above_all_that_nothing_is_written_down(
    browser: Browser, address: str
) -> None:
    region = "#hef-region input, #hef-region textarea"
    page = browser.page
    page.set_viewport_size({"width": 1280, "height": 800})
    browser.begin()
    page.check("#hef-private input")
    sync_api.expect(page.locator(".hef-private-note")).to_be_visible()
    browser.panel("Settings")
    page.fill(region, "gb")
    page.keyboard.press("Tab")
    browser.say("I stole a bicycle.")

    again = page.context.new_page()
    again.goto(address)
    sync_api.expect(again.locator("#hef-private input")).to_be_checked()
    sync_api.expect(again.locator(".hef-private-note")).to_be_visible()
    assert "bicycle" not in again.locator("body").inner_text()
    again.get_by_role("tab", name="Settings").click()
    sync_api.expect(again.locator(region)).to_have_value("GB")
    again.uncheck("#hef-private input")
    sync_api.expect(again.locator(".hef-private-note")).to_have_count(0)
    again.close()

    third = page.context.new_page()
    third.goto(address)
    sync_api.expect(third.locator("#hef-message textarea")).to_be_enabled()
    sync_api.expect(third.locator("#hef-private input")).not_to_be_checked()
    third.close()
    page.uncheck("#hef-private input")
    sync_api.expect(page.locator(".hef-private-note")).to_have_count(0)
    browser.panel("Understood")


def test_nothing_was_asked_for_elsewhere_and_no_script_failed(browser: Browser) -> None:
    assert browser.outside == []
    assert browser.errors == []
