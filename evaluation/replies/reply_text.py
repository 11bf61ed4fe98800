"""Metrics of the text of replies: length, variety, BLEU, uptake of cause words, and whose voice it is."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from ...contract import Dialogue
from ...contract.errors import needs_extra
from ...contract.numerics import Array
from ...contract.text import is_content_word, word_spans, words, words_and_punctuation
from ..metrics import Estimate, statistic_estimate

_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’)\]]*(?=\s|$)")
_ABBREVIATION = re.compile(r"\b(?:mr|mrs|ms|dr|st|jr|sr|prof|vs|etc|e\.g|i\.e|[a-z](?=\.[a-z]))$", re.IGNORECASE)
_AS_AI = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model|(?:virtual |digital )?assistant|chat ?bot)\b"
    r"|\b(?:i'm|i am) (?:just |only )?an? (?:ai|artificial intelligence|(?:large )?language model|chat ?bot)\b"
    r"|\b(?:i'm|i am) sorry,? but (?:i can't|i cannot|i can not|i'm not able|i am not able|i'm unable|i am unable)\b"
    r"|\b(?:i can't|i cannot|i'm not able to|i am not able to|i'm unable to|i am unable to) "
    r"(?:assist|provide|fulfil|comply|engage)"
    r"|\bhow (?:can|may) i (?:help|assist) you\b"
)
_POSSESSIVES = frozenset(("my", "our"))
_FIRST_PERSON = frozenset("i i'm i've i'd i'll im ive my me mine myself we we're we've we'd we'll our us".split())
_SECOND_PERSON = frozenset("you you're you've you'd you'll your yours yourself yourselves u ur".split())
_LISTENER_VERBS = frozenset(
    "agree am appreciate believe bet can can't cannot could did do don't feel get glad guess happy hate hear hope "
    "imagine know love proud really see sorry so suppose sure think totally truly understand wish wonder would".split()
)
"""Words after "I" where a listener refers to the person: "I am sorry", "I hope", "I can imagine"."""
_BLEU_ORDER = 4
_ABBREVIATION_CHARACTERS = 8
"""Characters before a full stop that can tell an abbreviation; no listed one is as long."""


def sentences(text: str) -> list[str]:
    """Return the sentences of a text: each ends with `.`, `!`, `?` or `…` before a blank, or with the text.

    A title or an abbreviation ("Dr.", "e.g.") does not end a sentence, and a sentence has a word.
    """
    ends = [
        end
        for end in _SENTENCE_END.finditer(text)
        if end[0] != "." or not _ABBREVIATION.search(text[max(0, end.start() - _ABBREVIATION_CHARACTERS) : end.start()])
    ]
    cuts = [0, *(end.end() for end in ends), len(text)]
    return [text[start:end].strip() for start, end in pairwise(cuts) if word_spans(text[start:end])]


def distinct(texts: Iterable[str], size: int) -> float:
    """Return the number of different n-grams over all n-grams of all texts, 0 where there is none.

    Corpus level, words and punctuation in lower case, as the literature counts it after Li et al.
    (NAACL 2016). It falls with more and longer texts: compare it on the same samples only.
    """
    ngrams = [ngram for text in texts for ngram in _ngrams(words_and_punctuation(text), size)]
    return len(set(ngrams)) / len(ngrams) if ngrams else 0.0


def bleu_estimate(
    texts: Sequence[str], references: Sequence[str], clusters: Sequence[Hashable], seed: int = 0
) -> Estimate:
    """Return corpus BLEU-4, 0 to 100, with an interval over conversations.

    It is sacrebleu's, lower case, with its `13a` tokens and its exponential smoothing, against one human reply each.

    Raises:
        SetupError: sacrebleu is not installed.
    """
    bleu = _bleu()

    def score(sums: Array) -> float:
        values = [int(value) for value in sums]
        counts, totals, lengths = values[:_BLEU_ORDER], values[_BLEU_ORDER:-2], values[-2:]
        return float(bleu.compute_bleu(counts, totals, *lengths, smooth_method="exp").score)

    scores = [bleu.corpus_score([text], [[reference]]) for text, reference in zip(texts, references, strict=True)]
    table = np.array([[*row.counts, *row.totals, row.sys_len, row.ref_len] for row in scores], dtype=np.float64)
    return statistic_estimate(table, clusters, score, seed, bounds=(0.0, 100.0))


def uptake(reply: str, causes: Sequence[str]) -> float | None:
    """Return the share of the causes' content words that occur in a reply, as the word or by its stem.

    Returns:
        Between 0 and 1; None where the causes have no content word.

    Raises:
        SetupError: snowballstemmer is not installed.
    """
    cause_stems = {_stem(word) for cause in causes for word in words(cause) if is_content_word(word)}
    reply_stems = {_stem(word) for word in words(reply)}
    return len(cause_stems & reply_stems) / len(cause_stems) if cause_stems else None


def speaks_as_ai(reply: str) -> bool:
    """Return whether a reply speaks as a machine: "as an AI", "I'm sorry, but I can't", "How can I help you"."""
    return bool(_AS_AI.search(reply.lower().replace("’", "'")))


def speaks_as_person(reply: str, dialogue: Dialogue) -> bool:
    """Return whether a reply speaks as the person it answers.

    It does so where it adopts a possession of theirs ("my dog", when the person said "my dog"), and
    where at least half of its sentences are about itself: with "I", "we" or "my", without "you", not a
    question, and without a listener's phrase such as "I am sorry" or "I hope".
    A heuristic: its rate on human replies is its error rate.
    """
    theirs = {noun for turn in dialogue if turn.role == "speaker" for noun in _possessions(turn.text)}
    if theirs & set(_possessions(reply)):
        return True
    parts = sentences(reply)
    return bool(parts) and 2 * sum(map(_is_about_itself, parts)) >= len(parts)


def _is_about_itself(sentence: str) -> bool:
    spoken = words(sentence)
    if "?" in sentence or not _FIRST_PERSON & set(spoken) or _SECOND_PERSON & set(spoken):
        return False
    return not any(
        word in ("i'm", "im") or (word == "i" and after in _LISTENER_VERBS)
        for word, after in zip(spoken, [*spoken[1:], ""], strict=True)
    )


def _possessions(text: str) -> list[str]:
    """Return the content words that follow "my" or "our"."""
    return [after for word, after in pairwise(words(text)) if word in _POSSESSIVES and is_content_word(after)]


def _ngrams(items: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(items[at : at + size]) for at in range(len(items) - size + 1)]


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word.removesuffix("'s")))


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    with needs_extra("evaluate", "cause words are matched by snowballstemmer"):
        from snowballstemmer import stemmer
    return stemmer("english")


def _bleu() -> Any:
    with needs_extra("evaluate", "BLEU is sacrebleu's"):
        from sacrebleu.metrics.bleu import BLEU
    return BLEU(lowercase=True, max_ngram_order=_BLEU_ORDER)
