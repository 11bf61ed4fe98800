"""Read the label, or the ranked labels, that an LLM chose out of its answer in words.

Denied labels do not count: "not sad but angry", "sad does not fit", "neither sad nor lonely".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ..contract.text import NEGATIONS
from .thoughts import without_thoughts

NONE = "none"
"""What an LLM answers where no label fits."""
MAX_WORDS_AMBIGUOUS = 12
"""Longest answer, in words, that may name several choices; the first of them counts."""
MAX_CHARS = 2000
"""Characters that are read at the beginning and at the end of an answer."""
MAX_DENIAL_DISTANCE = 4
"""Number of words from a "not" to the choice that it denies."""

_MAX_WORDS_BEFORE_NOT = 2
"""Number of words from a denied choice to the "not" after it, as in "sad does not fit"."""
_WORD_OR_MARK = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[.!?;:,\n()\[\]{}—–|/]|\s-+\s")
_SENTENCE_MARKS = ".!?;:\n"
_ANSWER_MARKERS = frozenset({"answer", "emotion", "feeling", "label", "choice", "verdict", "hypothesis"})
_FILLERS = frozenset({"is", "the", "a", "an", "feels", "most", "likely", "would", "be"})
_FIRST_PERSON = frozenset({"i", "i'm", "im", "i'd", "i'll", "we", "we're", "we'd", "we'll"})
_INTENSIFIERS = frozenset(
    "very so really truly deeply quite genuinely sincerely always just too also most more extremely honestly".split()
)
_OWN_STATES = tuple(
    tuple(words.split())
    for words in (
        "i'm|im|i am|i'd be|i'll be|i would be|i will be|i feel|i felt|i'm feeling|i am feeling|we're|we are|we'd be"
        "|we'll be|we would be|we will be|we feel|we're feeling|we are feeling|makes me|make me|made me|leaves me"
        "|me feel|makes us|make us|made us|leaves us|us feel"
    ).split("|")
)
"""Words after which an LLM names its own state, as in "I'm very grateful for the question" and "That makes me sad"."""
_VERDICT_VERBS = frozenset({"is", "fits", "describes", "suits", "seems", "matches"})
"""Words before which a choice is a word that is spoken of, as in "I feel sad fits best"."""
_CANNOT = (
    r"(?:can't|cannot|can not|won't|will not|couldn't|could not) (?!help (?:but|\w{1,20}ing)\b)(?:\w{1,20} ){0,4}"
    r"(?:help|assist|answer|comply|provide|engage|continue|discuss|judge|label|fulfil|fulfill|respond|participate)\b"
)
_UNWILLING = r"(?:unable|not (?:able|allowed|permitted|comfortable|in a position)|uncomfortable)\b"
_REFUSAL = re.compile(
    r"\b(?:i|we)\b[^.!?\n]{0,25}\b(?:decline|refuse)\b"
    rf"|\b(?:i(?:'m| am)|we(?:'re| are)) {_UNWILLING}"
    rf"|(?:\b(?:i|we) |(?:\A|[.!?\n]|\bsorry,?)\s{{0,5}}){_CANNOT}"
    r"|\b(?:i|we) (?:don't|do not|wouldn't|would not) (?:\w{1,20} )?feel (?:comfortable|able|right|qualified)\b"
    r"|\b(?:i|we)(?:'d| would) (?:rather|prefer to) not\b|\b(?:i|we)(?:'d| would) prefer not to\b"
    r"|\b(?:inappropriate|unethical|improper|irresponsible|not (?:be )?(?:appropriate|ethical|proper))"
    r" (?:for (?:me|us|an ai) )?to (?:\w{1,20} )?"
    r"(?:call|label|judge|describe|guess|assume|say|diagnose|assess|classify|name|determine)\b"
    r"|\bagainst (?:my|our) (?:guidelines|policy|policies|programming|principles)\b"
)
_LIST_NEGATIONS = {"neither": "", "none": "of", "nothing": "", "instead": "of", "rather": "than"}
"""Words that deny all choices up to the end of the sentence, each with the word that must follow it."""
_NEAR_NEGATIONS = NEGATIONS - set(_LIST_NEGATIONS) | {"hardly"}
_NOT_A_DENIAL_BEFORE = frozenset({"only", "just", "merely", "simply"})


@dataclass(frozen=True, slots=True)
class _Clause:
    """The words up to a punctuation mark or a "but"."""

    words: tuple[str, ...]
    """In lower case."""
    end: str
    """The mark at its end; a line break at the end of the text, "but" before that word."""
    lead: tuple[str, ...] = ()
    """The words before the colon or quotation that this clause follows."""


@dataclass(frozen=True, slots=True)
class _Mention:
    """A choice named in a text."""

    choice: str
    by_name: bool
    """Whether the choice is named itself, not by a synonym."""
    clause: int
    """Index of the clause."""
    start: int
    """Index of its first word in the clause."""
    end: int
    """Index after its last word."""


def parse_choice(text: str, choices: Sequence[str], synonyms: Mapping[str, str] | None = None) -> str | None:
    """Return the choice that a text makes, None if it makes none.

    Case, punctuation and a sentence around the choice are ignored, and what is denied ("not sad but
    angry") does not count. A word of `synonyms` counts as its choice only where no choice is named
    itself. Of several choices the one that is marked as the answer counts ("Answer: sad", or a first
    sentence of that word alone); else the first, and that only in a short text: a long text that names
    several has not chosen. In a refusal ("I must decline") only what is marked as the answer counts, and what an LLM
    says of itself ("I'm grateful for the question") never does.
    """
    text = _readable_part(text)
    clauses = _split_clauses(text)
    mentions = _undenied_mentions(clauses, _choice_phrases(tuple(choices), tuple((synonyms or {}).items())))
    if answers := [mention for mention in mentions if _is_marked_as_answer(clauses[mention.clause], mention)]:
        return answers[-1].choice
    if _is_refusal(text):
        return None
    candidates = [mention for mention in mentions if mention.by_name] or mentions
    is_short = sum(len(clause.words) for clause in clauses) <= MAX_WORDS_AMBIGUOUS
    if not is_short and len({mention.choice for mention in candidates}) != 1:
        candidates = []
    candidates = [mention for mention in mentions if _is_first_sentence(clauses, mention)] or candidates
    return candidates[0].choice if candidates else None


def parse_ranking(answer: str, choices: Sequence[str], synonyms: Mapping[str, str], limit: int) -> list[str]:
    """Return the choices that a list names, best first, without repetitions and at most `limit`.

    Case, numbering and a sentence around them are ignored. For lists a plainer reading than that of
    `parse_choice` is enough: only a choice right after "not", "nor" or "never" is denied, and a synonym
    counts where it is a whole item between commas or on a line, and anywhere in an answer that names
    no choice itself. A refusal names none.
    """
    answer = _readable_part(answer)
    if _is_refusal(answer):
        return []
    names = {_normalise(choice): choice for choice in choices}
    meanings = {_normalise(word): choice for word, choice in synonyms.items()}
    ranking: list[str] = []
    for item in map(_normalise, re.split(r"[,;\n/|]", answer)):
        ranking += _named_in(item, names) or ([meanings[item]] if item in meanings else [])
    return list(dict.fromkeys(ranking or _named_in(_normalise(answer), meanings)))[:limit]


def _named_in(text: str, phrases: Mapping[str, str]) -> list[str]:
    """Return the choices of the phrases in a normalised text, in its order, without denied ones."""
    if not phrases:
        return []
    alternatives = "|".join(map(re.escape, sorted(phrases, key=len, reverse=True)))
    own = r"i (?:m|am|feel)|we (?:re|are|feel)|ma[dk]es? me"
    denied = rf"(?P<denied>(?:not|nor|never|{own}) (?:(?:very|so|really|truly) )?)?"
    matches = re.finditer(rf"(?<!\S){denied}(?P<phrase>{alternatives})(?!\S)", text)
    return [phrases[match["phrase"]] for match in matches if not match["denied"]]


def _normalise(text: str) -> str:
    """Return the words of a text in lower case, separated by single spaces."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def _undenied_mentions(
    clauses: Sequence[_Clause], phrases: Mapping[tuple[str, ...], tuple[str, bool]]
) -> list[_Mention]:
    """Return the choices that a text names and does not deny."""
    mentions = [list(_mentions(index, clause, phrases)) for index, clause in enumerate(clauses)]
    denied = _denied(clauses, [[(mention.start, mention.end) for mention in row] for row in mentions])
    return [
        mention
        for row in mentions
        for mention in row
        if (mention.clause, mention.start) not in denied and not _is_about_the_llm(clauses[mention.clause], mention)
    ]


def _readable_part(text: str) -> str:
    """Return an answer without the LLM's thoughts; of a long one only the beginning and the end."""
    text = without_thoughts(text)
    return text if len(text) <= 2 * MAX_CHARS else f"{text[:MAX_CHARS]}\n{text[-MAX_CHARS:]}"


def _is_refusal(text: str) -> bool:
    """Return whether an LLM refuses to answer."""
    return bool(_REFUSAL.search(text.lower().replace("’", "'")))


@lru_cache(maxsize=64)
def _choice_phrases(
    choices: tuple[str, ...], synonyms: tuple[tuple[str, str], ...]
) -> Mapping[tuple[str, ...], tuple[str, bool]]:
    """Return for each phrase, as words, the choice that it names and whether it is the choice's own name."""
    meanings = {_words(word): (choice, False) for word, choice in synonyms if choice in choices}
    nouns = {_words(re.sub("y$", "i", choice.strip().lower()) + "ness"): (choice, False) for choice in choices}
    names = {_words(choice): (choice, True) for choice in choices}
    return {phrase: choice for phrase, choice in {**nouns, **meanings, **names}.items() if phrase}


@lru_cache(maxsize=1024)
def _words(text: str) -> tuple[str, ...]:
    """Return the words of a choice or synonym; the same few are split with every answer."""
    return tuple(word for clause in _split_clauses(text) for word in clause.words)


def _mentions(index: int, clause: _Clause, phrases: Mapping[tuple[str, ...], tuple[str, bool]]) -> Iterator[_Mention]:
    """Yield the choices named in a clause from left to right; the longest phrase first."""
    longest, start = max(map(len, phrases), default=0), 0
    while start < len(clause.words):
        for size in range(min(longest, len(clause.words) - start), 0, -1):
            if (choice := phrases.get(clause.words[start : start + size])) is not None:
                yield _Mention(*choice, index, start, start + size)
                start += size - 1
                break
        start += 1


def _is_about_the_llm(clause: _Clause, mention: _Mention) -> bool:
    """Return whether the LLM speaks of itself, as in "I'm grateful", "I hope" and "I am happy to help"."""
    before = clause.words[: mention.start]
    plain = list(before)
    while plain and plain[-1] in _INTENSIFIERS:
        plain.pop()
    is_own_state = any(tuple(plain[-len(state) :]) == state for state in _OWN_STATES)
    following = clause.words[mention.end : mention.end + 1]
    is_about_me = following == ("me",)
    return (
        (is_own_state and not _VERDICT_VERBS.intersection(following))
        or is_about_me
        or (
            not mention.by_name
            and (before[-1:] in (("i",), ("we",)) or (bool(_FIRST_PERSON & set(before)) and following == ("to",)))
        )
    )


def _is_marked_as_answer(clause: _Clause, mention: _Mention) -> bool:
    """Return whether a word such as "answer" precedes a mention, in its clause or as the clause before it."""
    before = [word for word in (*clause.lead, *clause.words[: mention.start]) if word not in _FILLERS]
    return bool(before) and before[-1] in _ANSWER_MARKERS


def _is_first_sentence(clauses: Sequence[_Clause], mention: _Mention) -> bool:
    """Return whether the answer begins with a sentence that consists of the mention."""
    clause = clauses[mention.clause]
    return mention.clause == 0 and mention.end - mention.start == len(clause.words) and clause.end in ".!\n"


def _split_clauses(text: str) -> list[_Clause]:
    """Return the clauses of a text that contain words."""
    clauses: list[_Clause] = []
    words: list[str] = []
    lead: tuple[str, ...] = ()
    for token in [*_WORD_OR_MARK.findall(text.lower().replace("’", "'")), "\n"]:
        mark = token.strip(" -") if token[0].isspace() and token != "\n" else token
        if token[0].isalnum() and token != "but":
            words.append(token)
            continue
        if words:
            clauses.append(_Clause(tuple(words), mark or "-", lead))
            lead = tuple(words) if mark == ":" else ()
        elif clauses and (mark == "but" or mark in _SENTENCE_MARKS) and clauses[-1].end not in _SENTENCE_MARKS:
            clauses[-1] = replace(clauses[-1], end=mark)
        words = []
    return clauses


def _denied(clauses: Sequence[_Clause], mentions: Sequence[Sequence[tuple[int, int]]]) -> set[tuple[int, int]]:
    """Return the denied mentions as pairs of clause and first word.

    Args:
        clauses: The clauses of a text.
        mentions: For each clause the first word of each mention and the word after its last.
    """
    denied: set[tuple[int, int]] = set()
    list_is_open = False
    for index, (clause, spans) in enumerate(zip(clauses, mentions, strict=True)):
        if list_is_open:
            denied |= {(index, start) for start, _ in spans}
        if clause.words == ("no",) and index:
            denied |= {(index - 1, start) for start, _ in mentions[index - 1]}
        mentioned = {position for start, end in spans for position in range(start, end)}
        for position in range(len(clause.words)):
            if position not in mentioned and (scope := _denial_scope(clause.words, position)):
                hits = {(index, start) for start in _denied_by(spans, position, scope)}
                denied |= hits
                list_is_open = list_is_open or (scope == "list" and bool(hits))
        list_is_open = list_is_open and clause.end not in _SENTENCE_MARKS and clause.end != "but"
    return denied


def _denial_scope(words: Sequence[str], position: int) -> str:
    """Return what a word denies: choices near it (`near`), all up to the sentence's end (`list`), or nothing."""
    word, following = words[position], words[position + 1] if position + 1 < len(words) else ""
    if word in _LIST_NEGATIONS:
        return "list" if _LIST_NEGATIONS[word] in ("", following) else ""
    if (word in _NEAR_NEGATIONS or word.endswith("n't")) and following not in _NOT_A_DENIAL_BEFORE:
        return "near"
    return ""


def _denied_by(spans: Sequence[tuple[int, int]], position: int, scope: str) -> list[int]:
    """Return the mentions that a denial reaches: those that follow it, else one right before it."""
    following = [(start, end) for start, end in spans if start > position]
    if not following and scope == "near":
        return [start for start, end in spans if position - end < _MAX_WORDS_BEFORE_NOT]
    last, denied = position + MAX_DENIAL_DISTANCE, list[int]()
    for start, end in following:
        if scope == "list" or start <= last:
            denied.append(start)
            last = max(last, end + 1)  # "not sad or angry"
    return denied
