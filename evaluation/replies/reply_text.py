"""What can be counted in the text of a reply: length, variety, cause words taken up, and who speaks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from ...contract import Dialogue, SetupError
from ...contract.text import is_content_word, word_spans, words, words_and_punctuation

_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)")
_TITLE = re.compile(r"\b(?:mr|mrs|ms|dr|st|jr|sr|prof|vs|etc|e\.g|i\.e|[a-z](?=\.[a-z]))$", re.IGNORECASE)
_AS_AI = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model|(?:virtual |digital )?assistant|chat ?bot)\b"
    r"|\b(?:i'm|i am) (?:just |only )?an? (?:ai|artificial intelligence|(?:large )?language model|chat ?bot)\b"
    r"|\b(?:i'm|i am) sorry,? but (?:i can't|i cannot|i can not|i'm not able|i am not able|i'm unable|i am unable)\b"
    r"|\b(?:i can't|i cannot|i'm not able to|i am not able to|i'm unable to|i am unable to) "
    r"(?:assist|provide|fulfil|comply|engage)"
    r"|\bhow (?:can|may) i (?:help|assist) you\b"
)
_OWN = frozenset(("my", "our"))
_FIRST = frozenset("i i'm i've i'd i'll im ive my me mine myself we we're we've we'd we'll our us".split())
_SECOND = frozenset("you you're you've you'd you'll your yours yourself yourselves u ur".split())
_LISTENING = frozenset(
    "agree am appreciate believe bet can can't cannot could did do don't feel get glad guess happy hate hear hope "
    "imagine know love proud really see sorry so suppose sure think totally truly understand wish wonder would".split()
)
"""What follows "I" where a listener speaks of the person: "I am sorry", "I hope", "I can imagine"."""


def sentences(text: str) -> list[str]:
    """Return the sentences of a text: each ends with `.`, `!`, `?` or `…` before a blank, or where the text ends.

    A title or an abbreviation ("Dr.", "e.g.") ends none, and what holds no word is none.
    """
    ends = [end for end in _END.finditer(text) if end[0] != "." or not _TITLE.search(text[: end.start()])]
    cuts = [0, *(end.end() for end in ends), len(text)]
    return [text[start:end].strip() for start, end in pairwise(cuts) if word_spans(text[start:end])]


def distinct(texts: Iterable[str], size: int) -> float:
    """Return how many different n-grams there are over all n-grams of all texts, 0 where there is none.

    Corpus level, words and punctuation in lower case, as the field's tables count it after Li et al.
    (NAACL 2016). It falls with more and longer texts: compare it on the same samples alone.
    """
    grams = [gram for text in texts for gram in _grams(words_and_punctuation(text), size)]
    return len(set(grams)) / len(grams) if grams else 0.0


def uptake(reply: str, causes: Sequence[str]) -> float | None:
    """Return which share of the content words of causes a reply takes up, as the word or by its stem.

    Returns:
        Between 0 and 1; None where the causes hold no content word.

    Raises:
        SetupError: snowballstemmer is not installed.
    """
    wanted = {_stem(word) for cause in causes for word in words(cause) if is_content_word(word)}
    said = {_stem(word) for word in words(reply)}
    return len(wanted & said) / len(wanted) if wanted else None


def speaks_as_ai(reply: str) -> bool:
    """Say whether a reply speaks as a machine: "as an AI", "I'm sorry, but I can't", "How can I help you"."""
    return bool(_AS_AI.search(reply.lower().replace("’", "'")))


def speaks_as_person(reply: str, dialogue: Dialogue) -> bool:
    """Say whether a reply speaks as the person it answers.

    It does so where it takes over something of theirs ("my dog", when the person said "my dog"), and
    where at least half of its sentences tell of itself: with "I", "we" or "my", without "you", no
    question, and without a listener's phrase such as "I am sorry" or "I hope".
    A rule of thumb: what it finds in human replies is how often it errs.
    """
    theirs = {owned for turn in dialogue if turn.role == "speaker" for owned in _possessions(turn.text)}
    if theirs & set(_possessions(reply)):
        return True
    said = sentences(reply)
    return bool(said) and 2 * sum(map(_tells_of_itself, said)) >= len(said)


def _tells_of_itself(sentence: str) -> bool:
    said = words(sentence)
    if "?" in sentence or not _FIRST & set(said) or _SECOND & set(said):
        return False
    return not any(
        word in ("i'm", "im") or (word == "i" and after in _LISTENING)
        for word, after in zip(said, [*said[1:], ""], strict=True)
    )


def _possessions(text: str) -> list[str]:
    """Return the words that follow "my" or "our" and mean something by themselves."""
    said = words(text)
    return [after for word, after in pairwise(said) if word in _OWN and is_content_word(after)]


def _grams(items: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(items[at : at + size]) for at in range(len(items) - size + 1)]


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    stem = _stemmer().stemWord(word.removesuffix("'s"))
    return str(stem)


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    try:
        from snowballstemmer import stemmer
    except ImportError as error:
        raise SetupError("cause words are matched by snowballstemmer: `pip install 'hef[evaluate]'`") from error
    return stemmer("english")
