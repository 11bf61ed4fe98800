"""Load prompt templates: the shipped ones, and those that a deployment replaces them with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TypeAlias

from ..contract import SetupError
from ..contract.dialogue import TextLanguage
from ..contract.settings.danger_texts import DangerTexts, parse_danger_texts

NAMES = (
    *("system", "score", "coarse", "all_labels", "one_prompt", "repair", "draft", "note"),
    *("concern", "danger_note", "danger_en", "danger_zh"),
)
"""Templates that a deployment may replace."""
PAGES = ("danger_en", "danger_zh")
"""The templates that answer somebody in danger, one per language, see `contract.settings.danger_texts`."""
NOTE, GUIDANCE = "chat_note", "chat_guidance"
"""Templates that are together what a chat model is told for its reply; a replaced `draft` takes the place of both."""
LANGUAGE = "chat_language"
"""Template of what a chat model is told where a language is set for its reply."""
FEELING_LINE = "feeling_line"
"""Template of what a chat model is told that judges in a line beside its reply, see `feeling_line`."""
WISH = "chat_wish"
"""Template of what a chat model is told of a line for wishes that hold from now on, see `wish_line`."""
NO_MEMORY = "chat_no_memory"
"""Template of what a chat model is told where the person asks what is remembered of them, and nothing is recalled."""
AFTER_DANGER = "after_danger"
"""Template of what an LLM is told in the turn after one in danger."""
IN_CHINESE = ("note", "concern", "danger_note", AFTER_DANGER, NOTE, GUIDANCE, NO_MEMORY)
"""Templates that ship in Chinese, too."""
CHINESE = "_zh"
"""End of the name of a template's Chinese text, which stands in its place until a deployment replaces it."""
TOOLS = "chat_tools"
"""Template of what a chat model is told of the host's tools."""
DRAFT_PLACEHOLDERS = frozenset({"persona", "emotion", "distribution", "causes", "memories", "dialogue"})
"""What a template `draft` may name; the shipped one names less."""

Overrides: TypeAlias = Mapping[str, str] | Path | str
"""Template name -> text, or a folder with a file `NAME.md` for each template that it replaces."""

_MAY_BE_EMPTY = frozenset({"memories", "causes", "evidence"})
"""Placeholders without a value in some turns."""
_MAY_VANISH = frozenset({"note"})
"""Templates of which nothing need remain: without a note the host's agent runs as it is."""


class Prompts:
    """The prompt templates of a graph: Markdown with `$placeholders`.

    Args:
        overrides: Template name -> text that replaces the shipped one, or a folder of `NAME.md` files.

    Raises:
        SetupError: A name is unknown, the folder cannot be read, a template is empty or consists of lines that may
            be left out, or it names a placeholder that it has no value for.
    """

    def __init__(self, overrides: Overrides | None = None) -> None:
        texts = _texts(overrides)
        if unknown := sorted(set(texts) - set(NAMES)):
            raise SetupError(f"unknown prompts {unknown}; there are {', '.join(NAMES)}")
        if _plain(texts.get("draft", "")) == _plain(shipped_chat_draft()):
            # A form in Studio sends the text that it shows: it is what ships for one form of the prompt, and replaces
            # nothing in the other.
            del texts["draft"]
        self._templates = {name: _validated(name, texts.get(name, _shipped()[name])) for name in NAMES}

    @property
    def templates(self) -> Mapping[str, str]:
        """The text of each template by its name."""
        return self._templates

    def replaced(self, texts: Mapping[str, str]) -> Prompts:
        """Return these templates with some texts replaced; a blank text replaces none.

        Raises:
            SetupError: A text names a placeholder that its template has no value for.
        """
        replacements = {name: text for name, text in texts.items() if text.strip()}
        return Prompts(self._templates | replacements) if replacements else self

    def is_replaced(self, name: str) -> bool:
        """Return whether a template has another text than the shipped one."""
        return _plain(self._templates[name]) != _plain(_shipped()[name])

    def placeholders(self, name: str) -> frozenset[str]:
        """Return the placeholders that a template names."""
        return frozenset(Template(self._templates[name]).get_identifiers())

    def in_language(self, name: str, language: TextLanguage) -> str:
        """Return the name of a template's text in a language: a replaced one is the same in each."""
        is_own = name in self._templates and self.is_replaced(name)
        return f"{name}{CHINESE}" if language == "zh" and not is_own else name

    def render(self, name: str, **values: str) -> str:
        """Return a template with its values; a line with a placeholder whose value is empty is dropped."""
        return fill(self._templates[name] if name in self._templates else _shipped()[name], values)

    def danger_texts(self, language: str) -> DangerTexts:
        """Return the texts for somebody in danger by heading; those that a replaced page leaves out are the shipped."""
        page = f"danger_{language}"
        return {**parse_danger_texts(_shipped()[page]), **parse_danger_texts(self._templates[page])}


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return a template with its values; a line with a placeholder whose value is empty is dropped."""
    lines = [Template(line) for line in template.splitlines()]
    filled = [line.substitute(values) for line in lines if all(values[key] for key in line.get_identifiers())]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(filled)).strip()


def _texts(overrides: Overrides | None) -> dict[str, str]:
    """Return the texts that replace shipped ones.

    Raises:
        SetupError: They are no texts by name, or the folder cannot be read.
    """
    if isinstance(overrides, str | Path):
        return read_folder(Path(overrides))
    if overrides is None:
        return {}
    if not isinstance(overrides, Mapping) or not all(isinstance(text, str) for text in overrides.values()):
        raise SetupError(
            f"the prompts are a {type(overrides).__name__}; give a mapping of template name to text, or a folder"
        )
    return dict(overrides)


def shipped_chat_draft() -> str:
    """Return the text that a chat model is told for its reply, as a template `draft` would hold it."""
    return "\n\n".join(_shipped()[name].strip() for name in (NOTE, GUIDANCE))


@cache
def _shipped() -> Mapping[str, str]:
    names = (
        *NAMES,
        NOTE,
        GUIDANCE,
        LANGUAGE,
        TOOLS,
        FEELING_LINE,
        WISH,
        NO_MEMORY,
        AFTER_DANGER,
        *(f"{name}{CHINESE}" for name in IN_CHINESE),
    )
    return {name: (files("hef.prompts") / f"{name}.md").read_text(encoding="utf-8") for name in names}


def _plain(text: str) -> str:
    """Return a text as it is compared: forms and editors change blanks and ends of lines."""
    return " ".join(text.split())


def _validated(name: str, text: str) -> str:
    shipped = set(Template(_shipped()[name]).get_identifiers())
    allowed = DRAFT_PLACEHOLDERS if name == "draft" else shipped
    template = Template(text.strip(" \t\r\n\ufeff"))
    if not template.template:
        raise SetupError(f"prompt {name!r} is empty; write its text, or leave it out to use the shipped one")
    if not template.is_valid() or not set(template.get_identifiers()) <= allowed:
        raise SetupError(f"prompt {name!r} may only name the placeholders {sorted(allowed)}; write $$ for a dollar")
    if name in PAGES:
        parse_danger_texts(template.template)
    lines = [Template(line) for line in template.template.splitlines() if line.strip()]
    if name not in _MAY_VANISH and all(_MAY_BE_EMPTY & set(line.get_identifiers()) for line in lines):
        raise SetupError(
            f"prompt {name!r} would be empty in a turn without {' and '.join(sorted(_MAY_BE_EMPTY & allowed))}: "
            "a line with an empty value is left out; write a line without these placeholders"
        )
    return template.template


def read_folder(folder: Path) -> dict[str, str]:
    """Read the templates of a folder by name; hidden files are ignored.

    Raises:
        SetupError: It is not a folder, or contains anything but `NAME.md` files of known templates in UTF-8 (a
            byte order mark at the beginning, as Windows editors write it, is ignored).
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise SetupError(f"the prompts folder {str(folder)!r} does not exist; give a folder with files NAME.md")
    files_in_folder = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    known = {f"{name}.md" for name in NAMES}
    if unknown := [path.name for path in files_in_folder if path.name not in known or not path.is_file()]:
        raise SetupError(
            f"the prompts folder {str(folder)!r} holds {unknown}; it may hold only {', '.join(sorted(known))}"
        )
    try:
        return {path.stem: path.read_text(encoding="utf-8-sig") for path in files_in_folder}
    except (OSError, UnicodeError) as error:
        raise SetupError(f"the prompts folder {str(folder)!r} cannot be read: {error}; save it as UTF-8") from error
