"""Tokens of a text in normal form: English words with short forms written out, Chinese by characters."""

from __future__ import annotations

import re

from .tagged_text import Tokens

_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)*|\d+(?:[.,]\d+)*|\n|[\u3400-\u9fff]+|[^\W\d_]|[^\s\w]")
_INNER_MARKS = frozenset("*·.-_/|~`^+#&")
_BETWEEN_CHARACTERS = re.compile(r"(?<=[\u3400-\u9fff])[*·.\-_/|~`^+#&]{1,3}(?=[\u3400-\u9fff])")
"""Marks inside a Chinese word: "自*杀"."""
MANY = 6
"""From this number on pills are many."""

_WRITTEN_OUT = {
    "i'm": "i am", "im": "i am", "i've": "i have", "ive": "i have", "i'd": "i would", "i'll": "i will",
    "can't": "can not", "cant": "can not", "cannot": "can not", "won't": "will not", "wont": "will not",
    "ain't": "am not", "aint": "am not", "shan't": "will not", "dont": "do not", "doesnt": "does not",
    "didnt": "did not", "wouldnt": "would not", "shouldnt": "should not", "couldnt": "could not", "isnt": "is not",
    "arent": "are not", "wasnt": "was not", "werent": "were not", "havent": "have not", "hasnt": "has not",
    "hadnt": "had not", "gonna": "going to", "gunna": "going to", "gona": "going to", "goin": "going",
    "wanna": "want to", "wana": "want to", "gotta": "got to", "tryna": "trying to", "finna": "going to",
    "imma": "i am going to", "ima": "i am going to", "lemme": "let me", "gimme": "give me", "u": "you", "ur": "your",
    "its": "it is", "moms": "mom 's", "mums": "mom 's", "dads": "dad 's", "mum's": "mom 's",
    "thats": "that is", "hes": "he is", "shes": "she is", "theyre": "they are", "youre": "you are",
    "whats": "what is", "theres": "there is", "rn": "right now", "tn": "tonight", "tmrw": "tomorrow",
    "tmr": "tomorrow", "tmw": "tomorrow", "tomoro": "tomorrow", "tonite": "tonight", "bc": "because",
    "cuz": "because", "cause": "because", "coz": "because", "idk": "i do not know", "idc": "i do not care",
    "dunno": "do not know", "kms": "kill myself", "kys": "kill yourself", "anymore": "any more", "pls": "please",
    "plz": "please", "w": "with", "thru": "through", "cos": "because", "meself": "myself", "mum": "mom",
    "mama": "mom", "mommy": "mom", "mummy": "mom", "daddy": "dad", "papa": "dad", "stepdad": "stepfather",
    "stepmom": "stepmother", "bf": "boyfriend", "gf": "girlfriend", "ppl": "people", "smth": "something",
    "shoulda": "should have", "woulda": "would have", "coulda": "could have", "lil": "little", "sum": "some",
    "nothin": "nothing", "somethin": "something", "thinkin": "thinking", "feelin": "feeling", "livin": "living",
    "o'clock": "hours", "alright": "ok", "okay": "ok", "k": "ok", "kk": "ok", "yrs": "years", "yr": "year",
    "mins": "minutes", "min": "minutes", "hrs": "hours", "wks": "weeks", "n": "and", "prolly": "probably",
    "lol": "lol", "lmao": "lol", "rofl": "lol", "lmfao": "lol", "haha": "lol", "hahaha": "lol", "hahahaha": "lol",
}  # fmt: skip
_ENDINGS = {"'d": "would", "'ll": "will", "'re": "are", "'ve": "have"}
_IS_BEFORE_S = frozenset("he she it that there what who where here everything nothing everyone nobody".split())
_NUMBER_WORDS = frozenset(
    """
    six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen eighteen twenty thirty forty fifty sixty
    seventy eighty ninety hundred dozens
    """.split()
)


def tokenize(text: str) -> Tokens:
    """Return the tokens of a text in normal form."""
    tokens = Tokens()
    inside = {match.start() for match in _BETWEEN_CHARACTERS.finditer(text)}
    skipped_to = 0
    for match in _TOKEN.finditer(text):
        word, (start, end) = match.group(), match.span()
        if start in inside:
            skipped_to = start + 3
        if word.isalpha():
            _add_word(tokens, word, start, end)
        elif "'" in word and len(word) > 1:
            for part in _write_out(word):
                tokens.add(part, start, end)
        elif word[0].isdigit():
            tokens.add(_number(word), start, end)
        elif start >= skipped_to or word not in _INNER_MARKS:
            tokens.add(word, start, end)
    return tokens


def _add_word(tokens: Tokens, word: str, start: int, end: int) -> None:
    """Add an English word, written out, or the characters of a Chinese one."""
    if not word.isascii():
        tokens.symbols += word
        tokens.starts += range(start, end)
        tokens.ends += range(start + 1, end + 1)
        return
    written = "NUM" if word in _NUMBER_WORDS else _WRITTEN_OUT.get(word, word)
    for part in written.split():
        tokens.add(part, start, end)


def _number(digits: str) -> str:
    """Return the tag of a number: few or many."""
    value = digits.split(".")[0].replace(",", "")[:9]
    # A number in a circle ("➎") is a digit to `isdigit`, and none to `int`.
    return "NUM" if value.isdecimal() and int(value) >= MANY else "FEW"


def _write_out(word: str) -> list[str]:
    """Return the words of one with an apostrophe."""
    if word in _WRITTEN_OUT:
        return _WRITTEN_OUT[word].split()
    stem, _, ending = word.rpartition("'")
    if word.endswith("n't"):
        return [word[:-3], "not"]
    if "'" + ending in _ENDINGS:
        return [stem.replace("'", ""), _ENDINGS["'" + ending]]
    if ending == "s":
        return [stem.replace("'", ""), "is" if stem in _IS_BEFORE_S else "'s"]
    return [stem.replace("'", "")] if not ending else [stem.replace("'", "") + ending]
