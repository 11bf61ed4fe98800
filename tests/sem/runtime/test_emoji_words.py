"""Common emoji are read as words, by every SEM of a folder, and their tokens have the emoji's place."""

from __future__ import annotations

from hef.contract import Turn
from hef.sem import resolve_sem
from hef.sem.runtime.emoji_words import emoji_words, has_emoji, with_emoji_words
from hef.sem.runtime.encoding import DialogueEncoder
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer


def word_tokenizer(words: list[str]) -> Tokenizer:
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words]
    tokenizer = Tokenizer(WordPiece({name: index for index, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def first_choice(text: str) -> str:
    return resolve_sem(None).read([[Turn("speaker", text)]])[0].ranked[0]


def test_an_emoji_alone_is_read() -> None:
    assert [first_choice(text) for text in ("😭", "💔", "😡", "😬 my exam")] == [
        "sad",
        "devastated",
        "angry",
        "anxious",
    ]


def test_a_cause_may_be_an_emoji_at_its_place() -> None:
    text = "look 😭"
    (causes,) = resolve_sem(None).causes([[Turn("speaker", text)]], ["sad"])

    assert "😭" in {text[cause.start : cause.end] for cause in causes}


def test_tokens_of_an_emoji_have_its_offsets_and_a_sequence_is_read_as_one() -> None:
    tokenizer = with_emoji_words(word_tokenizer(["exhausted", "sigh", "dog", "crying", "hard"]))
    encoding = tokenizer.encode("dog 😭 😮‍💨", add_special_tokens=False)

    assert [token for token in encoding.tokens if token != "[UNK]"] == ["dog", "crying", "hard", "exhausted", "sigh"]
    assert all(4 <= start < end <= 5 for start, end in encoding.offsets[1:3])


def test_the_colour_of_a_skin_and_joiners_are_no_words() -> None:
    encoder = DialogueEncoder(word_tokenizer(["okay", "good"]), 32)

    assert encoder([Turn("speaker", "👍🏽")]).ids == encoder([Turn("speaker", "👍")]).ids


def test_a_text_without_emoji_is_tokenized_as_before() -> None:
    tokenizer = word_tokenizer(["dog"])
    encoder = DialogueEncoder(tokenizer, 32)

    assert list(encoder([Turn("speaker", "dog café 狗")]).ids[1:-1]) == tokenizer.encode("dog café 狗").ids
    assert not any(map(has_emoji, ["dog", "café", "狗", "…", "→"]))


def test_the_table_has_english_words_and_sequences_before_their_parts() -> None:
    table = list(emoji_words())

    assert all(words.isascii() for words in emoji_words().values())
    for place, emoji in enumerate(table):
        assert not any(part in emoji for part in table[:place] if part != emoji), emoji
