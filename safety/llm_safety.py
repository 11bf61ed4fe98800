"""An LLM that is asked whether somebody is in danger; it may lower by one level what the rules alone claim.

For hosts whose LLM is a capable one: it reads what a person means where no rule and no small model does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from threading import Lock
from time import monotonic
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage
from langgraph.constants import TAG_NOSTREAM

from ..contract import Dialogue, ModelError, SetupError
from ..contract.chat_model import ChatModel, chat_models, model_key, model_name
from ..contract.dialogue import DialogueCache
from ..contract.safety import Safety, SafetyKind, SafetyLevel
from ..contract.sync_async import call_in_thread, call_within, past_closed_loops
from ..prompts import fence, newest
from ..prompts.thoughts import answer_text
from ..sem.validation import model_errors
from .assess import CONTEXT_TURNS, assess, assess_by_models, assess_by_rules, last_messages, writing
from .findings import LEVELS
from .risk_model import KINDS

DIALOGUE_LIMIT = 8000
"""Characters of the dialogue that the LLM is shown; the oldest are left out first."""
TIMEOUT = 8.0
"""Seconds that the LLM has for its answer."""
CACHED_FINDINGS = 512
"""Findings that are kept: the node looks at the turn before again, in each turn."""
ASK_AGAIN_AFTER = 5.0
"""Seconds after a failure until the LLM is asked of the same dialogue again: longer than a node waits to try again."""
MODELS = 16
"""Models whose findings are kept, where each run may name its own."""
CONFIG: Any = {"tags": [TAG_NOSTREAM]}
_FINDING = re.compile(
    r"(?<![A-Za-z])(concern|danger)(?![A-Za-z])[\s*_`\"'<>/b]{0,12}[|｜]([^|｜\n]{0,80})(?:[|｜]([^\n]{0,400}))?",
    re.IGNORECASE,
)
"""A level, what it is about, and the words."""
_WORD = re.compile(r"[^\W\d_]+")
_KIND = re.compile(rf"(?<![a-z])({'|'.join(KINDS)})(?![a-z])")
_FILLING = frozenset({"level", "answer", "b", "strong"})
"""Words and marks that an answer may have beside a level."""
_QUOTES = " \t.|｜\"'`*“”‘’「」『』"


@dataclass(frozen=True, slots=True)
class _Finding:
    """What the LLM found, without anybody's words."""

    level: SafetyLevel
    kind: SafetyKind = ""
    turns_back: int = 0
    """How many turns before the last one the words stand."""
    span: tuple[int, int] = (0, 0)
    """Where they stand in that turn; empty where it quoted none."""

    def safety(self, dialogue: Dialogue, last: int) -> Safety:
        """Return the finding in a dialogue whose turn `last` is the person's last one."""
        how_written = writing(dialogue[: last + 1])
        if self.level == "none":
            return Safety(**how_written)
        turn = last - self.turns_back
        words = (dialogue[turn].text[slice(*self.span)],) if self.span[1] else ()
        return Safety(level=self.level, kind=self.kind, words=words, turn=turn, **how_written)


@dataclass(frozen=True, slots=True)
class _OwnReading:
    """What HEF's own parts read before the LLM is asked, and what it is to be shown."""

    by_rules: Safety
    """What the rules found."""
    by_models: Safety
    """What the models found, which are asked where the rules found danger."""
    messages: range
    """Indices of what the person said since the last reply."""
    shown: Dialogue
    """The last turns."""

    @property
    def is_enough(self) -> bool:
        """Whether no LLM is needed: rules and models both see danger, or the person said nothing."""
        return not self.messages or self.by_rules.level == self.by_models.level == "danger"

    @property
    def is_cut(self) -> bool:
        """Whether the last turns are too long to be shown whole."""
        return newest(self.shown, DIALOGUE_LIMIT)[1] > 0


class _Known:
    """What is known of one model: its findings, and when it failed."""

    def __init__(self) -> None:
        self.findings = DialogueCache[_Finding](CACHED_FINDINGS)
        self.failures = DialogueCache[float](CACHED_FINDINGS)


class LlmSafetyCheck:
    """Ask a chat model for the safety of a dialogue, beside the rules and HEF's own models.

    Danger that rules and models both see is answered at once; no LLM is asked. Else the graver of what the rules claim
    and what the LLM finds counts. Where the LLM finds nothing, danger that the rules alone see is a concern, and a
    concern that they alone see is nothing. Of turns that are too long to be shown whole, all of HEF's own check counts
    as well. Where the LLM fails, refuses, is too slow or answers something else, the graph asks `hef.safety.assess`,
    and `degraded` says so.

    Args:
        model: Any LangChain chat model; a small and fast one will do if it understands people. It is asked in each
            turn, with the last turns and about 500 tokens of instructions.
        instructions: What it is told; `$dialogue` is where the fenced dialogue goes. None takes the shipped text,
            `safety/danger_check.md`, whose form of an answer another text must keep.
        timeout: Seconds that it has.

    Raises:
        SetupError: The model is not a chat model, or the instructions have no place for the dialogue.

    Example:
        >>> check = LlmSafetyCheck(resolve_model("openai:gpt-5-mini"))
        >>> hef = create_hef(model="openai:gpt-5", safety=check).compile()
    """

    def __init__(self, model: ChatModel, *, instructions: str | None = None, timeout: float = TIMEOUT) -> None:
        if not all(isinstance(one, BaseChatModel) for one in chat_models(model)):
            raise SetupError(f"the model is a {type(model).__name__}; give a LangChain chat model (a BaseChatModel)")
        text = (files("hef.safety") / "danger_check.md").read_text("utf-8") if instructions is None else instructions
        self._template = Template(text.strip())
        if not self._template.is_valid() or set(self._template.get_identifiers()) != {"dialogue"}:
            raise SetupError("the instructions must name $dialogue and nothing else; write $$ for a dollar")
        self.model = model
        self._timeout = timeout
        self._what = f"the safety check by {model_name(model)}"
        self._known = _Known()
        self._lock = Lock()
        self._by_model = {model_key(model): self._known}
        """Of each model by its key, so that none is silenced by what a weaker one found."""

    def by(self, model: ChatModel) -> LlmSafetyCheck:
        """Return this check by another chat model."""
        if model is self.model:
            return self
        other, identity = copy(self), model_key(model)
        other.model, other._what = model, f"the safety check by {model_name(model)}"
        with self._lock:
            if identity not in self._by_model and len(self._by_model) >= MODELS:
                self._by_model.pop(next(iter(self._by_model)))
            other._known = self._by_model.setdefault(identity, _Known())
        return other

    def assess_at_once(self, dialogue: Dialogue) -> Safety | None:
        """Return what is known before the LLM is asked; None where rules see danger that HEF's models do not.

        A graph answers danger at once, asks the LLM (`assess`) of None at once, else while it judges the emotion.
        """
        own = _read_own(dialogue)
        return own.by_rules if own.is_enough or own.by_rules.level != "danger" else None

    def assess(self, dialogue: Dialogue) -> Safety:
        """Return the safety of a dialogue: of all that the person said since the last reply, in its context.

        Raises:
            ModelError: The LLM failed, or its answer names no level.
        """
        own = _read_own(dialogue)
        if own.is_enough:
            return own.by_rules
        if (finding := self._known_finding(own)) is None:
            with self._errors(own):
                answer = call_within(self._timeout, lambda: self.model.invoke(self._prompt(own), CONFIG))
                finding = self._read(own, answer)
        return _decide(own, finding, dialogue)

    async def aassess(self, dialogue: Dialogue) -> Safety:
        """Do the same without blocking the event loop."""
        own = await call_in_thread(_read_own, dialogue)
        if own.is_enough:
            return own.by_rules
        if (finding := self._known_finding(own)) is None:
            with self._errors(own):
                asked = past_closed_loops(lambda: self.model.ainvoke(self._prompt(own), CONFIG))
                answer = await asyncio.wait_for(asked, self._timeout)
                finding = await call_in_thread(self._read, own, answer)
        return await call_in_thread(_decide, own, finding, dialogue)

    def _known_finding(self, own: _OwnReading) -> _Finding | None:
        """Return what the LLM found before, None where it was not asked.

        Raises:
            ModelError: It failed a moment ago: a node that is tried again does not wait for it again.
        """
        failed = self._known.failures.get(own.shown)
        if failed is not None and monotonic() - failed < ASK_AGAIN_AFTER:
            raise ModelError(f"{self._what} failed a moment ago")
        return self._known.findings.get(own.shown)

    @contextmanager
    def _errors(self, own: _OwnReading) -> Iterator[None]:
        """Turn what the model raises into a `ModelError`, and keep that it failed."""
        try:
            with model_errors(self._what):
                yield
        except Exception as error:
            self._known.failures.put(own.shown, monotonic())
            if isinstance(error.__cause__, TimeoutError):
                raise ModelError(f"{self._what} took longer than {self._timeout:g} seconds") from error
            raise

    def _prompt(self, own: _OwnReading) -> list[BaseMessage]:
        return [HumanMessage(self._template.substitute(dialogue=fence(own.shown, DIALOGUE_LIMIT)))]

    def _read(self, own: _OwnReading, answer: BaseMessage) -> _Finding:
        """Return what the LLM found, and keep it.

        Raises:
            ModelError: Its answer names no level.
        """
        level, kind, quote = _read_answer(answer_text(answer), self._what)
        finding = _Finding(level)
        if level != "none":
            kind = kind or assess(own.shown).kind or "suicide"
            finding = _Finding(level, kind, *_find_quote(quote, own.shown[-len(own.messages) :]))
        self._known.findings.put(own.shown, finding)
        return finding


def _read_own(dialogue: Dialogue) -> _OwnReading:
    """Return what rules and models read in a dialogue."""
    by_rules, messages = assess_by_rules(dialogue), last_messages(dialogue)
    by_models = assess_by_models(dialogue) if by_rules.level == "danger" else Safety()
    shown = dialogue[max(0, messages[0] - CONTEXT_TURNS) : messages[-1] + 1] if messages else ()
    return _OwnReading(by_rules, by_models, messages, shown)


def _decide(own: _OwnReading, finding: _Finding, dialogue: Dialogue) -> Safety:
    """Return what counts of what rules, models and LLM found."""
    by_llm = finding.safety(dialogue, own.messages[-1])
    if finding.level == "none" and not own.is_cut:
        if own.by_rules.level == "danger":
            return own.by_rules.model_copy(update={"level": "concern"})
        if own.by_rules.level == "none" or assess_by_models(dialogue).level == "none":
            return by_llm
    others = [by_llm, *([assess(dialogue)] if own.is_cut else [])]
    return max(*others, own.by_rules, key=lambda safety: LEVELS.index(safety.level))


def _read_answer(text: str, what: str) -> tuple[SafetyLevel, SafetyKind, str]:
    """Return level, kind and quoted words of an answer; of several the gravest.

    Raises:
        ModelError: It names no level, or one among other words.
    """
    if matches := [*_FINDING.finditer(text)]:
        gravest = max(matches, key=lambda match: LEVELS.index(cast("SafetyLevel", match[1].lower())))
        return cast("SafetyLevel", gravest[1].lower()), _read_kind(gravest[2]), (gravest[3] or "").strip(_QUOTES)
    first, _, rest = text.strip().lower().partition("\n")
    words = [word for word in _WORD.findall(first) if word not in _FILLING]
    if len(words) == 1 and words[0] in LEVELS and not set(LEVELS) & set(_WORD.findall(rest)):
        return cast("SafetyLevel", words[0]), "", ""
    raise ModelError(f"{what} names no level")


def _read_kind(text: str) -> SafetyKind:
    """Return the kind that an answer begins with, or the only one that it names; empty where that is not clear."""
    about = re.sub(r"[\s-]", "_", text.strip().lower())
    named = _KIND.findall(about)
    is_clear = named and (about.startswith(named[0]) or (len(named) == 1 and named[0] != "violence"))
    return cast("SafetyKind", named[0] if is_clear else "")


def _find_quote(quote: str, messages: Dialogue) -> tuple[int, tuple[int, int]]:
    """Return how many messages before the last one a quotation stands, and its span there; an empty one without."""
    words = r"\s+".join(re.sub(r"['’‘]", "['’‘]", re.escape(word)) for word in quote.split())
    pattern = rf"(?<![A-Za-z0-9]){words}(?![A-Za-z0-9])" if words else "(?!)"
    for back, turn in enumerate(reversed(messages)):
        if match := re.search(pattern, turn.text, re.IGNORECASE):
            return back, match.span()
    return 0, (0, 0)
