"""Whether a SEM reads the language of a turn: by its script, and in Latin script by its commonest words.

Chat turns are short, so that no model is asked: nearly every sentence holds an article, a pronoun or a negation, and
those of one language are few. See `docs/experiments/2026-11-29-language-of-a-turn.md`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from functools import cache

from ..contract import Dialogue
from ..contract.text import LANGUAGE_NAMES
from .taxonomy import DATA

WORDS = DATA / "common_words.json"
"""Common words of languages in Latin script; of all but English those that are rare in English chats."""
NAMES = {code: LANGUAGE_NAMES[code] for code in "de en es fi fr hi id it nl pl pt ro sv tl tr vi".split()} | {
    "da": "Danish or Norwegian"
}
"""Code of a language whose words are known -> its name."""
OTHER_SCRIPT, OTHER_LANGUAGE = "this script", "this language"
"""What stands in place of a language's name where only so much is known."""
MAX_CHARACTERS = 2000
"""Characters of a turn's end that are looked at."""
_MIN_EVIDENCE = 1 - 1e-6
"""Words of another language from which on a text may be in it."""
MAX_TURNS = 4
"""How many of the person's turns are looked at, where the last ones show no language of their own."""

_SCRIPTS = {
    "CYRILLIC": {"ru", "uk", "be", "bg", "sr", "mk", "kk", "ky", "mn", "tg"},
    "GREEK": {"el"},
    "ARABIC": {"ar", "fa", "ur", "ps"},
    "HEBREW": {"he", "yi"},
    "DEVANAGARI": {"hi", "mr", "ne"},
    "HANGUL": {"ko"},
    "HIRAGANA": {"ja"},
    "KATAKANA": {"ja"},
    "CJK": {"zh", "ja", "yue"},
    "THAI": {"th"},
}
"""First word of the Unicode names of a script's letters -> the languages that are written in it."""
_KNOWN = {"en", *NAMES, *(code for codes in _SCRIPTS.values() for code in codes)}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_SPARSE = frozenset("al ben da de e em era fa la las los padre per sin um un w y".split())
"""Common words of other languages that names and slang in English have now and then."""
_ACCENTED_ENGLISH = frozenset(
    "café cafés cliché clichés crème brûlée déjà entrée façade fiancé fiancée jalapeño naïve piñata pokémon résumé "
    "touché über".split()
)
_FAR_LETTERS = frozenset("ığşßãõłøåțșăřčž")
"""Latin letters that names in English chats rarely have."""


def unread_language(dialogue: Dialogue, languages: Collection[str]) -> str:
    """Return the name of the language of the speaker's last turn where a SEM does not read it; empty where it does.

    A turn that shows no language, such as "ok" or a name, is taken to be in that of the turns before it. What is not
    known to be another language counts as read, and so does everything where `languages` has a code that says nothing
    of words or scripts, such as `mul`.

    Args:
        dialogue: The dialogue context.
        languages: Codes of the SEM's languages.
    """
    if not _KNOWN.issuperset(languages):
        return ""
    speaker_turns = [turn for turn in dialogue if turn.role == "speaker"] or list(dialogue)
    for turn in speaker_turns[: -MAX_TURNS - 1 : -1]:
        language = _text_language(turn.text[-MAX_CHARACTERS:], frozenset(languages))
        if language is not None:
            return language
    return ""


def _text_language(text: str, languages: frozenset[str]) -> str | None:
    """Return the name of a text's language where it is none of a SEM's, empty where it is, None where it shows none."""
    letters = [character for character in text if character.isalpha()]
    others = [letter for letter in letters if not _is_latin(letter)]
    if len(others) > len(letters) / 2:
        return "" if _is_read_script(others, languages) else OTHER_SCRIPT
    read, unread = _word_evidence(text, languages)
    foreign = sum(unread.values())
    if foreign >= _MIN_EVIDENCE and foreign > read:
        return _likeliest(unread)
    return "" if read else None


def _is_read_script(letters: list[str], languages: frozenset[str]) -> bool:
    scripts = Counter(unicodedata.name(letter, "?").partition(" ")[0] for letter in letters[:100])
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if kana > (kana + scripts["CJK"]) / 5:
        return "ja" in languages
    ((script, _),) = scripts.most_common(1)
    return bool(_SCRIPTS.get(script, set()) & languages)


def _word_evidence(text: str, languages: frozenset[str]) -> tuple[int, dict[str, float]]:
    """Return how many words are of a SEM's languages, and for each other language how many are of it alone.

    A word counts once, and one of several languages in equal parts. What may be part of a name counts half: a word in
    capitals within a text, such as "Los Angeles", or one with an accent. Under "" are words that are known to be no
    English alone.
    """
    read = 0
    unread: dict[str, float] = {}
    is_english_alone = not languages & NAMES.keys() - {"en"}
    is_shouted = text.isupper()
    seen: set[str] = set()
    for index, match in enumerate(_WORD.finditer(text.replace("’", "'"))):
        written = match[0]
        word = written.lower()
        if word in seen:
            continue
        seen.add(word)
        is_capital = written[0].isupper() and not is_shouted
        codes = _languages_by_word().get(word)
        if codes is None:
            if is_english_alone and _is_accented(word):
                is_name = is_capital and not _FAR_LETTERS.intersection(word)
                unread[""] = unread.get("", 0.0) + (0.5 if is_name else 1.0)
        elif codes & languages:
            read += 1
        else:
            weight = 0.5 if word in _SPARSE or (is_capital and index > 0) else 1.0
            for code in codes:
                unread[code] = unread.get(code, 0.0) + weight / len(codes)
    return read, unread


def _is_accented(word: str) -> bool:
    """Return whether a word has Latin letters that English words do not have."""
    return not word.isascii() and _is_latin(word[0]) and word not in _ACCENTED_ENGLISH


def _is_latin(letter: str) -> bool:
    return letter <= "\u024f" or "\u1e00" <= letter <= "\u1eff"


def _likeliest(evidence: Mapping[str, float]) -> str:
    """Return the name of the language that most words are of, where it is one."""
    named = {code: weight for code, weight in evidence.items() if code}
    best = [code for code, weight in named.items() if weight > max(named.values()) - 1e-6]
    return NAMES[best[0]] if len(best) == 1 else OTHER_LANGUAGE


@cache
def _languages_by_word() -> Mapping[str, frozenset[str]]:
    by_language = json.loads(WORDS.read_text(encoding="utf-8"))
    codes: dict[str, set[str]] = {}
    for code, words in by_language.items():
        for word in words.split():
            codes.setdefault(word, set()).add(code)
    return {word: frozenset(of_word) for word, of_word in codes.items()}
