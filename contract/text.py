"""Words and clauses of a text, with character offsets, and the function words of English."""

from __future__ import annotations

import re

from .chinese.simplified import simplified

MAX_CLAUSES = 12
"""Maximum number of clauses of a text; neighbours of a longer one are joined."""
MAX_STORED_CHARACTERS = 20_000
"""Characters of a turn, and of its reply, that the memory stores; of a longer text its end is stored."""
PARTICLES = frozenset("apart away down off out up".split())
"""Words that form one phrase with the verb before them: "passed away", "broke up"."""

_LETTERS = r"(?:[^\W_][\u0300-\u036f]*)+"  # a letter may come with combining accents
_WORD = re.compile(rf"{_LETTERS}(?:['’\-]{_LETTERS})*|[\U0001F300-\U0001FAFF\u2600-\u27BF]")
_BARE_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*|[^\w\s]")
# A run of marks or blanks is tried from its first character alone: from each of them a long run takes quadratic time.
_CLAUSE_BOUNDARY = re.compile(r"(?<![.,;:!?…])[.,;:!?…]+\s+|(?<!\s)\s+[–—]\s+|\s(?:and|but|because)\s|\n")

_STOP_WORDS = frozenset(
    """
    a about after also always am an and any are aren't as at be became because been before being but
    by came can can't cannot could couldn't did didn't do does doesn't doing don't during each
    either ever every few for from had
    hadn't has hasn't have haven't having he he'd he'll he's hello her here hers hey hi him himself
    his how however i i'd i'll i'm i've if im in into is isn't it it's its itself ive just let's
    may maybe me might more most much must my nor now of oh ok okay on once
    only or other our ours ourselves out over own quite rather really said same say says she she'd she'll
    she's should shouldn't since so some still such than that that's the their theirs them
    themselves then there there's these they they'd they'll they're they've this those though
    through to too under until up upon us very was wasn't way we we'd we'll we're we've
    were weren't what what's when where which while who who's whom whose why will with within
    won't would wouldn't yeah yes yet you you'd you'll you're you've your yours yourself yourselves
    的 了 我 你 他 她 它 们 我们 你们 他们 她们 自己 是 在 有 和 跟 也 都 就 还 又 才 却 吗 呢 吧 啊 嘛 呀 着 过 得
    地 把 被 给 让 这 那 这个 那个 这样 那样 这么 那么 这些 那些 什么 怎么 怎么样 为什么 谁 哪 哪里 哪儿 个 一个
    一下 一点 一样 很 太 真 好像 因为 所以 但是 但 可是 不过 如果 虽然 然后 而且 或者 还是 还有 就是 只是 其实 已经
    正在 会 能 可以 应该 要 想 说 去 来 到 从 对 为 以 之 与 及 等 上 下 里 中 时 时候 后 前 以后 以前 现在 今天
    昨天 明天 最近 一直 一定 可能 觉得 感觉 知道 真的 特别 非常 嗯 哦
    """.split()
)
_LIGHT_WORDS = frozenset(
    """
    again all come done down else feel feeling feels felt get gets getting go goes going gonna got herself let like
    made make makes many myself no not off one something take thing things took use used well went without
    """.split()
)
NEGATIONS = frozenset("no not never none nothing nor cannot without".split())
"""English words that every part of HEF reads as a negation; each adds its own, since it counts them for another end."""

_VERB_FORMS = frozenset(
    """
    blew break broke broken cut fallen fell gave grew grown held hung kept knock left let lock pass put ran run set
    shut sold stood threw throw thrown took tore torn turn wake walk woke woken
    """.split()
)
LANGUAGE_NAMES = {
    "ar": "Arabic",
    "da": "Danish",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "hi": "Hindi",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "tl": "Tagalog",
    "tr": "Turkish",
    "vi": "Vietnamese",
    "yue": "Cantonese",
    "zh": "Chinese",
}
"""ISO 639 code of a language -> its English name."""


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each word or emoji in a text, left to right."""
    return [match.span() for match in _WORD.finditer(text)]


def words(text: str) -> list[str]:
    """Return the words and emoji of a text, in lower case and with straight apostrophes."""
    return [normalise_word(text[start:end]) for start, end in word_spans(text)]


def matching_words(text: str) -> list[str]:
    """Return the words of a text for matching: case-folded, without apostrophes and emoji, split at hyphens.

    "don't", "don’t" and "dont" match, and so do "step-mother" and "step mother".
    """
    return _BARE_WORD.findall(text.casefold().replace("'", "").replace("’", ""))


def words_and_punctuation(text: str) -> list[str]:
    """Return the words and punctuation marks of a text, in lower case: the tokens that n-gram metrics count."""
    return _TOKEN.findall(text.lower())


def normalise_word(word: str) -> str:
    """Return a word in lower case, with straight apostrophes."""
    return word.lower().replace("’", "'")


def split_clauses(text: str) -> list[str]:
    """Return the clauses of a text that has several, each of two words or more; empty if it has not."""
    clauses = [clause for clause in map(str.strip, _CLAUSE_BOUNDARY.split(text)) if len(clause.split()) > 1]
    size = -(-len(clauses) // MAX_CLAUSES)
    joined = [", ".join(clauses[start : start + size]) for start in range(0, len(clauses), size or 1)]
    return list(dict.fromkeys(joined)) if len(joined) > 1 else []


def is_content_word(word: str) -> bool:
    """Return whether a word has a meaning of its own: not a function word such as "the", "I" or "got"."""
    return may_be_cause(word) and normalise_word(word) not in _LIGHT_WORDS


def may_be_cause(word: str) -> bool:
    """Return whether a word may be part of a cause: "not", "myself" and "got" may, "the" and "I" may not."""
    return simplified(normalise_word(word)) not in _STOP_WORDS


def has_chinese(text: str) -> bool:
    """Return whether a text has Chinese characters."""
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def is_chinese(text: str) -> bool:
    """Return whether a text is written in Chinese: a third of its letters are Chinese characters, and none is kana."""
    letters = [character for character in text if character.isalpha()]
    chinese = sum("\u4e00" <= letter <= "\u9fff" for letter in letters)
    return 3 * chinese >= len(letters) > 0 and not any("\u3040" <= letter <= "\u30ff" for letter in letters)


def is_verb_form(word: str) -> bool:
    """Return whether a word looks like a verb that may take a particle: "passed", "broke"."""
    normalised = normalise_word(word)
    return normalised in _VERB_FORMS or (len(normalised) > 4 and normalised.endswith("ed"))
