"""What each slash command of `hef chat` does; `slash_commands` names and explains them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from ...characters import example_characters, find_character, read_characters
from ...contract.dialogue import turn_language
from ...nodes import to_dialogue
from ..error_messages import sentence
from ..memory.forget import forget_selected
from ..memory.list_turns import turn_table
from ..render import FAINT, name_markup, print_empathy, print_safety, printable, printable_name
from .chat_settings import DEFAULT, check_name, settings_table, shown, with_setting
from .chat_threads import thread_with
from .conversation_file import turn_lock
from .conversation_list import KeptConversation, conversation_names, kept_conversations, local_now
from .slash_commands import help_table, nearest_command

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore, SearchItem

    from .session import ChatSession

_LISTED, _NEAREST = 10, 5
"""Turns that `/memory` lists, and finds."""
_ID_LETTERS = 4
"""Letters of an id that `/forget`, `/pin` and `/hide` take at least.

Who counts the lines of `/memory` means no id that begins with 1.
"""
_NO_CHARACTER = "none"


def run_command(session: ChatSession, name: str, argument: str) -> bool:
    """Follow a command, and return False to leave; what is wrong with it is said."""
    if name == "quit":
        return False
    action = ACTIONS.get(name)
    if action is None:
        nearest = nearest_command(name)
        text = session.words.no_such_command if nearest else session.words.no_command
        session.note(text.format(name=name_markup(f"/{name}"), nearest=nearest))
        return True
    try:
        action(session, argument)
    except KeyboardInterrupt:
        session.interrupted = True
        session.note(session.words.leave)
    except Exception as error:
        session.show(Text(printable(sentence(error)), style="red"))
    return True


def _help(session: ChatSession, argument: str) -> None:
    session.show(help_table(session.language))


def _emotion(session: ChatSession, argument: str) -> None:
    values = session.run(session.conversation.values())
    if "empathy" not in values:
        return session.note(session.words.no_message)
    if values["empathy"].safety.level == "danger":
        print_safety(session.console, values["empathy"], session.language)
        return session.console.print()
    if "fine_emotion" not in values.get("explanations", {"fine_emotion": ""}):
        return session.note(session.words.not_read)
    messages = list(values["messages"])
    while messages and messages[-1].type == "ai":
        messages.pop()
    dialogue = to_dialogue(messages)
    language = turn_language(session.context.language, dialogue)
    memories = values.get("memories") or []
    print_empathy(session.console, values["empathy"], dialogue, memories=memories, language=language)
    session.console.print()


def _memory(session: ChatSession, argument: str) -> None:
    from ...memory import near_items, search_items, select_items

    store, person = session.open.store, session.settings.person
    if store is None:
        return session.note(session.words.private_memory)
    if argument:
        nearest = search_items(store, person, argument, _NEAREST)
        items = near_items(nearest, argument, session.context.memory_weights.min_similarity)
        if nearest and not items:
            return session.note(session.words.nothing_near)
        total = len(items)
    else:
        newest = select_items(store, person)[::-1]
        items, total = newest[:_LISTED], len(newest)
    if not items:
        return session.note(session.words.nothing_stored)
    session.console.print(turn_table(items, person, query=argument, language=session.language))
    if total > len(items):
        session.note(session.words.of_all.format(shown=session.words.count_turns(len(items)), total=total))


def _named_turn(session: ChatSession, command: str, argument: str) -> tuple[BaseStore, SearchItem] | None:
    """Return the memory, and the turn whose id some letters begin; None where they begin none or several.

    What is wrong is said.
    """
    from ...memory import select_items

    store, person, words = session.open.store, session.settings.person, session.words
    if store is None:
        session.note(words.private_memory)
        return None
    if len(argument) < _ID_LETTERS:
        session.note(words.which_id.format(command=command))
        return None
    items = [item for item in select_items(store, person) if item.key.startswith(argument)]
    if len(items) == 1:
        return store, items[0]
    count = words.count_turns(len(items)) if items else words.no_turn
    session.note(words.no_id.format(id=name_markup(argument), count=count))
    return None


def _show_turn(session: ChatSession, template: str, item: SearchItem) -> None:
    session.show(Text(template.format(text=printable_name(str(item.value.get("text", ""))))))


def _mark(session: ChatSession, argument: str, command: str, mark: str, template: str) -> None:
    """Set a mark of a stored turn, which takes another one away; where it is set, take it away."""
    from ...memory import mark_turn

    if (named := _named_turn(session, command, argument)) is None:
        return
    store, item = named
    is_set = item.value.get(mark) is not True
    with turn_lock(session.settings.home, session.settings.person):
        mark_turn(store, session.settings.person, item.key, **{mark: is_set})
    _show_turn(session, template if is_set else session.words.unmarked, item)


def _pin(session: ChatSession, argument: str) -> None:
    _mark(session, argument, "pin", "pinned", session.words.pinned)


def _hide(session: ChatSession, argument: str) -> None:
    _mark(session, argument, "hide", "never_recall", session.words.hidden)


def _forget(session: ChatSession, argument: str) -> None:
    from ...memory import Selection

    if (named := _named_turn(session, "forget", argument)) is None:
        return
    store, item = named
    with turn_lock(session.settings.home, session.settings.person):
        _, cleaned = forget_selected(session.settings, store, Selection(ids=(item.key,)))
    _show_turn(session, session.words.forgotten, item)
    for note in (*cleaned.repeated, *cleaned.left):
        session.show(Text(session.words.left_out.format(fault=printable(note)), style="yellow"))


def _retry(session: ChatSession, argument: str) -> None:
    session.retry()


def _edit(session: ChatSession, argument: str) -> None:
    last = session.last_message()
    if not last:
        session.note(session.words.no_message)
    elif argument:
        session.edit(argument)
    elif sys.stdin.isatty():
        session.note(session.words.editing)
        session.offered = last
    else:
        session.note(session.words.edit_how.format(text=name_markup(last)))


def _new(session: ChatSession, argument: str) -> None:
    if session.open.is_private:
        session.open.begin_private([], session.character_id)
    elif not argument:
        session.open.open_new(session.character_id)
    else:
        name = thread_with(session.character_id, argument)
        if name in conversation_names(session.settings.home, session.settings.person):
            return session.note(session.words.taken.format(name=name_markup(name)))
        session.open.open(name, session.character_id)
    session.enter_conversation()
    session.greet()


def _threads(session: ChatSession, argument: str) -> None:
    if session.open.is_private:
        return session.note(session.words.private_first)
    conversations = list(kept_conversations(session.settings.home, session.settings.person))
    if not argument:
        if session.open.name not in (one.name for one in conversations):  # nothing was said in it yet
            open_one = KeptConversation(session.open.name, 0, local_now(), session.character_id)
            conversations.insert(0, open_one)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(overflow="fold", min_width=len("2026-11-29-2"))
        table.add_column(no_wrap=True, min_width=len("2026-11-29 12:00"))
        table.add_column(no_wrap=True)
        for one in conversations:
            here = session.words.this_one if one.name == session.open.name else ""
            day, turns = f"{one.last:%Y-%m-%d %H:%M}" if one.turns else "", session.words.count_turns(one.turns)
            name = Text(printable_name(one.name), style="bold")
            table.add_row(name, day, turns, printable_name(one.character or ""), Text(here, style=FAINT))
        return session.show(table)
    chosen = next((one for one in conversations if one.name == argument), None)
    if chosen is None:
        return session.note(session.words.no_thread.format(name=name_markup(argument)))
    folder = session.settings.characters_folder
    character = find_character(chosen.character, folder) if chosen.character else None
    if chosen.name != session.open.name:
        session.open.open(chosen.name, chosen.character)
    session.character = character
    session.enter_conversation()
    session.greet()


def _character(session: ChatSession, argument: str) -> None:
    folder = session.settings.characters_folder
    if not argument:
        table = Table.grid(padding=(0, 2, 0, 0))
        own, faults = read_characters(folder)
        for one in {**example_characters(), **own}.values():
            is_here = session.character is not None and one.id == session.character.id
            persona = Text(printable_name(one.persona)[:100], style=FAINT)
            name, here = Text(printable_name(one.name)), session.words.this_one if is_here else ""
            table.add_row(Text(printable_name(one.id), style="bold"), name, persona, Text(here, style=FAINT))
        session.show(table)
        for fault in faults.values():
            session.show(Text(session.words.no_character.format(fault=printable(fault)), style="yellow"))
        return None
    character = None if argument == _NO_CHARACTER else find_character(argument, folder)
    if (character.id if character else None) == session.character_id:
        return session.note(_talks_with(session))
    character_id = character.id if character else None
    if session.open.is_private:
        session.open.begin_private([], character_id)
    else:
        session.open.open_of_today(character_id)
    session.character = character
    session.enter_conversation()
    session.note(_talks_with(session))
    session.greet()


def _talks_with(session: ChatSession) -> str:
    if session.character is None:
        return session.words.without_character
    return session.words.with_character.format(name=name_markup(session.character.name))


def _set(session: ChatSession, argument: str) -> None:
    name, value = (*argument.split(maxsplit=1), "", "")[:2]
    if not name:
        session.show(settings_table(session.context, session.language))
        return session.note(session.words.set_how)
    check_name(name)
    if value:
        session.context = with_setting(session.context, name, value)
        session.state(name, is_default=value == DEFAULT)
        if name == "language":
            own_messages = [one for one in session.run(session.conversation.messages()) if one.type == "human"]
            session.language = turn_language(session.context.language, to_dialogue(own_messages))
    session.note(session.words.is_set.format(name=name_markup(name), value=name_markup(shown(session.context, name))))


def _private(session: ChatSession, argument: str) -> None:
    if session.open.is_private:
        session.open.end_private(session.character_id)
        session.note(session.words.private_off)
        session.enter_conversation()
        return session.greet()
    session.open.begin_private(session.run(session.conversation.messages()), session.character_id)
    session.enter_conversation()
    session.note(session.words.private_on)


ACTIONS: Mapping[str, Callable[[ChatSession, str], None]] = {
    "memory": _memory,
    "forget": _forget,
    "pin": _pin,
    "hide": _hide,
    "retry": _retry,
    "edit": _edit,
    "new": _new,
    "threads": _threads,
    "character": _character,
    "set": _set,
    "private": _private,
    "emotion": _emotion,
    "help": _help,
}
"""Name -> what the command does; `quit` ends the loop itself."""
