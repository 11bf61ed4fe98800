from __future__ import annotations

from functools import cache
from pathlib import Path

import hef.sem.runtime.encoding
import numpy as np
import pytest
from hef.contract import SetupError, Turn
from hef.contract.chinese.simplified import simplified
from hef.sem.runtime.emoji_words import has_emoji, with_emoji_words
from hef.sem.runtime.encoding import DialogueEncoder, Encoded, pad
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Encoding, Tokenizer
from tokenizers.models import WordPiece

TOKENIZER = Tokenizer.from_file(str(Path(hef.sem.runtime.encoding.__file__).parent / "model" / "tokenizer.json"))
EMOJI_TOKENIZER = with_emoji_words(TOKENIZER)
CLS, SEP = TOKENIZER.token_to_id("[CLS]"), TOKENIZER.token_to_id("[SEP]")
ODD = st.sampled_from(
    [*"aeinst .,'-", "née", "e\u0301", "\u0308", "😢", "👩\u200d👧", "\u00a0", "\u2003", "\t\n", "犬", "ß", "滯", "鯰"]
)
TEXTS = st.lists(ODD, max_size=30).map("".join) | st.text(max_size=20)
DIALOGUES = st.lists(st.builds(Turn, st.sampled_from(["speaker", "listener"]), TEXTS), min_size=1, max_size=6)


@cache
def shared_encoder(max_tokens: int) -> DialogueEncoder:
    """Return an encoder, whose copy of the tokenizer that reads emoji as words is not made anew for each example."""
    return DialogueEncoder(TOKENIZER, max_tokens)


def encode(turns: list[Turn], max_tokens: int = 256) -> Encoded:
    return shared_encoder(max_tokens)(turns)


def said(*texts: str) -> list[Turn]:
    return [Turn("listener" if i % 2 else "speaker", text) for i, text in enumerate(texts)]


def plain(text: str) -> str:
    """Return a text as the tokenizer sees it: simplified characters, lower case, no accents, no white space."""
    return "".join(TOKENIZER.normalizer.normalize_str(simplified(text)).split())


def check_places(turns: list[Turn], encoded: Encoded) -> None:
    """Compare each token with the raw text at its place."""
    for token, place in zip(encoded.ids, encoded.offsets, strict=True):
        word = TOKENIZER.id_to_token(token)
        # The tokens of an emoji are the words that it stands for.
        if place and word != "[UNK]" and not has_emoji(turns[place[0]].text[place[1] : place[2]]):
            turn, start, end = place
            seen, word = plain(turns[turn].text[start:end]), word.removeprefix("##")
            # One raw character may fall apart into several tokens (Hangul): they share its place.
            assert seen == word or (word in seen and len(seen) > end - start)


def test_dialogue_stands_as_turns_between_separators() -> None:
    encoded = encode(said("My dog died.", "Oh no!", "Yes"))

    words = [TOKENIZER.id_to_token(token) for token in encoded.ids]
    assert " ".join(words) == "[CLS] my dog died . [SEP] oh no ! [SEP] yes [SEP]"
    assert encoded.types == (0,) * 6 + (1,) * 4 + (0,) * 2
    assert encoded.truncated_turns == 0


@given(DIALOGUES, st.integers(8, 40))
@settings(deadline=None)
def test_any_dialogue_fits_the_window_with_exact_offsets(turns: list[Turn], max_tokens: int) -> None:
    encoded = encode(turns, max_tokens)

    assert len(encoded.ids) == len(encoded.types) == len(encoded.offsets) <= max_tokens
    assert (encoded.ids[0], encoded.ids[-1]) == (CLS, SEP)
    assert 0 <= encoded.truncated_turns <= len(turns)
    check_places(turns, encoded)
    seen = [place[0] for place in encoded.offsets if place]
    assert seen == sorted(seen)


@given(DIALOGUES)
@settings(deadline=None)
def test_what_fits_is_encoded_whole(turns: list[Turn]) -> None:
    encoded = encode(turns, 4096)

    expected = [CLS]
    for turn in turns:
        tokenizer = EMOJI_TOKENIZER if has_emoji(turn.text) else TOKENIZER
        expected += [*tokenizer.encode(simplified(turn.text), add_special_tokens=False).ids, SEP]
    assert (list(encoded.ids), encoded.truncated_turns) == (expected, 0)


@given(st.lists(DIALOGUES, min_size=1, max_size=4))
@settings(deadline=None)
def test_batch_encodes_as_one_by_one(dialogues: list[list[Turn]]) -> None:
    encoder = shared_encoder(16)

    assert encoder.batch(dialogues) == [encoder(turns) for turns in dialogues]


def test_oldest_turns_are_dropped_first_and_counted() -> None:
    turns = said("one two three", "four five", "six seven", "eight")

    encoded = encode(turns, 8)

    assert {place[0] for place in encoded.offsets if place} == {2, 3}
    assert encoded.truncated_turns == 2


def test_no_turn_is_kept_before_one_that_was_dropped() -> None:
    encoded = encode(said("one", "two three four five six seven", "eight"), 8)

    assert {place[0] for place in encoded.offsets if place} == {2}
    assert encoded.truncated_turns == 2


def test_last_turn_that_is_too_long_keeps_its_end_and_counts() -> None:
    turns = said("before", "yes", "word " * 20 + "last")

    encoded = encode(turns, 8)

    assert len(encoded.ids) == 8
    assert TOKENIZER.id_to_token(encoded.ids[-2]) == "last"
    assert encoded.truncated_turns == 3
    check_places(turns, encoded)


def test_dialogue_that_fills_the_window_exactly_drops_nothing() -> None:
    assert encode(said("one two", "three", "four five"), 9).truncated_turns == 0
    assert encode(said("one two", "three", "four five"), 8).truncated_turns == 1


def test_200000_characters_keep_their_end_with_exact_offsets() -> None:
    turns = said("x" * 100, "My naïve dog 🐕 died. " * 10_000)

    encoded = encode(turns)

    assert len(turns[1].text) > 200_000
    assert len(encoded.ids) == 256
    assert encoded.truncated_turns == 2
    assert max(place[2] for place in encoded.offsets if place) == len(turns[1].text.rstrip())
    check_places(turns, encoded)


def test_more_turns_than_the_window_has_tokens() -> None:
    encoded = encode(said(*["hm"] * 1000), 32)

    assert len(encoded.ids) <= 32
    assert encoded.truncated_turns == 1000 - sum(place is not None for place in encoded.offsets)


@pytest.mark.parametrize("text", ["", " \t ", "\x00\x07", "\ud800"])
def test_text_without_words_still_makes_a_row(text: str) -> None:
    encoded = encode([Turn("speaker", text)])

    assert (encoded.ids[0], encoded.ids[-1]) == (CLS, SEP)


def test_rows_are_padded_on_the_right() -> None:
    short, long = encode(said("yes")), encode(said("one two", "three"))

    arrays = pad([short, long])

    assert arrays["input_ids"][0].tolist() == [*short.ids, 0, 0, 0]
    assert arrays["attention_mask"].tolist() == [[1, 1, 1, 0, 0, 0], [1] * 6]
    assert arrays["token_type_ids"][1].tolist() == list(long.types)
    assert all(array.dtype == np.int64 for array in arrays.values())


def test_a_turn_of_the_last_call_is_not_tokenized_again() -> None:
    seen: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(TOKENIZER, name)

        def encode_batch(self, texts: list[str], **options: bool) -> list[Encoding]:
            seen.extend(texts)
            return TOKENIZER.encode_batch(texts, **options)  # type: ignore[no-any-return]

    encoder = DialogueEncoder(Counting())  # type: ignore[arg-type]
    first = encoder(said("my dog died", "oh no"))
    again = encoder(said("my dog died", "oh no"))
    encoder(said("my dog died", "oh no", "yes"))

    assert sorted(seen) == ["my dog died", "oh no", "yes"]
    assert again == first


@pytest.mark.parametrize("text", ["I am sad [SEP] you [CLS] are not", "[PAD] 😭 [SEP]", "[SEP]", "[MASK]我[SEP]很难过"])
def test_what_a_person_writes_is_no_special_token(text: str) -> None:
    special = {TOKENIZER.token_to_id(name) for name in ("[CLS]", "[SEP]", "[PAD]", "[MASK]")}
    encoded = DialogueEncoder(Tokenizer.from_str(TOKENIZER.to_str()))([Turn("speaker", text)])
    assert [token for token in encoded.ids if token in special] == [CLS, SEP]


def test_special_tokens_are_the_tokenizers_own() -> None:
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "[UNK]": 3, "dog": 4}
    encoder = DialogueEncoder(Tokenizer(WordPiece(vocabulary, unk_token="[UNK]")))

    assert encoder([Turn("speaker", "dog")]).ids == (0, 4, 2)


def test_a_tokenizer_without_special_tokens_is_refused() -> None:
    with pytest.raises(SetupError, match=r"none of the special tokens \[CLS\], <s>"):
        DialogueEncoder(Tokenizer(WordPiece({"[UNK]": 0}, unk_token="[UNK]")))


def test_padding_rounds_the_width_up() -> None:
    arrays = pad([encode(said("my dog died"))], 8)

    assert arrays["input_ids"].shape == (1, 8)
    assert arrays["attention_mask"].sum() == 5
