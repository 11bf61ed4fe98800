from __future__ import annotations

import pytest
from hef.prompts.label_parser import MAX_CHARS, parse_choice, parse_ranking
from hef.sem import EMPATHETIC_DIALOGUES as TAXONOMY
from hypothesis import given
from hypothesis import strategies as st

LABELS = st.sampled_from(TAXONOMY.labels)
MARKS = [" ", ", ", ". ", ": ", "\n", "{", "}", '"', "*", "<think>", "</think>", "\x00", "'"]
WORDS = ["not", "none", "but", "neither", "nor", "of", "i", "to", "no", "isn't", "answer", "emotion"]
PIECES = st.sampled_from([*TAXONOMY.labels, *TAXONOMY.synonyms, *WORDS, *MARKS])


def read(text: str) -> str | None:
    return parse_choice(text, TAXONOMY.labels, TAXONOMY.synonyms)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("sad", "sad"),
        ("**Devastated**.", "devastated"),
        ("The speaker feels NOSTALGIC, I think; perhaps sad.", "nostalgic"),
        ("They are heartbroken!", "devastated"),
        ("Sadness.", "sad"),
        ("loneliness", "lonely"),
        ("Fearfulness", None),
        ("hopefulness", "hopeful"),
        ("let down", "disappointed"),
        ("self-conscious", "embarrassed"),
        ('{"emotion": "sad"}', "sad"),
        ('{"emotion": "none", "hypothesis": "guilty"}', "guilty"),
        ('```json\n{"emotion": "Scared"}\n```', "afraid"),
        ("<think>Sad? Lonely? Angry.</think>\nproud", "proud"),
        ("Answer:\n- furious", "furious"),
        ("1. sad\n2. lonely", "sad"),
    ],
)
def test_a_choice_is_read_whatever_stands_around_it(text: str, choice: str | None) -> None:
    assert read(text) == choice


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("not sad but angry", "angry"),
        ("Not sad, but angry.", "angry"),
        ("angry, not sad", "angry"),
        ("angry rather than sad", "angry"),
        ("The speaker isn't really sad; they're furious.", "furious"),
        ("neither sad nor lonely, but jealous", "jealous"),
        ("None of afraid, sad, angry. guilty", "guilty"),
        ("None of these, guilty", "guilty"),
        ("none, guilty", "guilty"),
        ("No. Guilty.", "guilty"),
        ("sad? No, angry.", "angry"),
        ("Sad does not fit. Angry does.", "angry"),
        ("not only sad", "sad"),
        ("not sad but heartbroken", "devastated"),
        ("They do not feel sad", None),
        ("not sad or lonely", None),
        ("no longer proud", None),
        ("I can't tell whether sad or angry", None),
        ("sad that he didn't win", "sad"),
    ],
)
def test_what_is_denied_does_not_count(text: str, choice: str | None) -> None:
    assert read(text) == choice


@pytest.mark.parametrize(
    "text",
    [
        "",
        "none",
        "None of these.",
        "I'm sorry, but I can't help with that.",
        "I hope this helps!",
        "I am happy to help you with that.",
        "As an AI I do not have feelings.",
        "Sadly, I cannot tell.",
        "I'm grateful for the question, but I must decline.",
        "I’m truly grateful that you asked, and I'd be content to talk of something else.",
        "I am so sorry, I can't help with labelling the emotions of an angry person.",
        "Hopeful as this sounds, I'm not able to judge how a person feels.",
        "I am proud to assist, though I won't be able to answer that. Sad.",
        "Thank you for trusting me.",
        "That is against my guidelines, even if they are devastated.",
        "Can't help with that. sad",
        "Sorry, cannot answer. Lonely",
        "Thank you. Won't be able to judge that: angry",
        "We can't assist with that, it may be devastated",
        "We are not able to tell. Sad.",
        "We must decline. Sad.",
        "I don't feel comfortable labelling someone as sad.",
        "I’m uncomfortable calling them guilty.",
        "I would not really feel right to say angry.",
        "I'd rather not say whether they are jealous.",
        "It would be inappropriate to call her sad.",
        "It is not appropriate for me to label a person as lonely.",
        "It wouldn't be ethical, I find it improper to guess: ashamed",
        "That makes me sad",
        "Reading this made me so angry.",
        "That leaves me feeling, well, and makes us really sad.",
        "I feel sad for them",
        "I feel truly devastated.",
        "We're sad to hear that.",
        "<think>sad, clearly</think> I respectfully decline.",
        "<think>sad, clearly",
        ", ".join(TAXONOMY.labels),
        "The speaker could feel sad about the loss, or angry about how it came, or lonely now that he is gone.",
    ],
)
def test_what_chooses_nothing_is_no_choice(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("I am confident that the speaker is sad.", "sad"),
        ("I'm excited to help! The speaker feels lonely.", "lonely"),
        ("I must decline to diagnose anyone. Answer: lonely", "lonely"),
        ("I can't be certain, but sad", "sad"),
        ("I can't help but feel the speaker is sad", "sad"),
        ("I cannot help thinking that she is lonely.", "lonely"),
        ("I couldn’t help but judge this as angry", "angry"),
        ("I feel the speaker is sad", "sad"),
        ("I feel sad fits best", "sad"),
        ("Sad, and he can't answer why", "sad"),
        ("She feels it was wrong to leave: guilty", "guilty"),
        ("Losing the game makes her sad", "sad"),
        ("We would say proud", "proud"),
        ("I think they are grateful.", "grateful"),
        ("I would say proud", "proud"),
        ("[THINK]proud?[/THINK]sad", "sad"),
        ("<|channel|>analysis<|message|>proud?<|end|><|start|>assistant<|channel|>final<|message|>sad", "sad"),
    ],
)
def test_what_an_llm_says_of_itself_is_no_choice(text: str, choice: str) -> None:
    assert read(text) == choice


@pytest.mark.parametrize(
    ("answer", "ranking"),
    [
        ("I'm grateful for the question, but I must decline", []),
        ("I am so proud that you asked: sad, lonely", ["sad", "lonely"]),
        ("<reasoning>proud</reasoning>sad, lonely", ["sad", "lonely"]),
        ("That makes me angry. I feel proud to say: sad, lonely", ["sad", "lonely"]),
        ("We can't assist with that: sad", []),
    ],
)
def test_a_list_holds_nothing_of_a_refusal_or_of_the_llm_itself(answer: str, ranking: list[str]) -> None:
    assert parse_ranking(answer, TAXONOMY.labels, TAXONOMY.synonyms, 3) == ranking


def test_a_long_text_that_names_several_counts_where_it_marks_its_answer() -> None:
    doubt = "It might be sad, or angry, or perhaps even lonely, since so much of what was said points to a loss."

    assert read(doubt) is None
    assert read(f"{doubt} The emotion is lonely.") == "lonely"
    assert read(f"Jealous. {doubt}") == "jealous"


def test_ten_megabytes_are_read_at_both_ends() -> None:
    filling = "word " * 2_000_000

    assert read(f"sad {filling}") == "sad"
    assert read(f"{filling} Answer: sad") == "sad"
    assert read(f"{'word ' * MAX_CHARS} sad {filling}") is None


@given(LABELS, st.text(), st.text())
def test_a_label_is_found_among_anything_that_is_no_word(label: str, before: str, after: str) -> None:
    def wordless(text: str) -> str:
        return "".join(character for character in text if not character.isalnum())

    assert read(f"{wordless(before)} {label.upper()} {wordless(after)}") == label


@given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "replace")) | st.lists(PIECES).map("".join))
def test_a_choice_is_a_label_or_none(text: str) -> None:
    assert read(text) in (None, *TAXONOMY.labels)


@given(LABELS, LABELS, st.sampled_from(["Not {0} but {1}.", "{1}, not {0}", "It isn't {0}. {1}!", "{0}? no, {1}"]))
def test_a_denied_label_is_never_chosen(denied: str, chosen: str, form: str) -> None:
    found = read(form.format(denied, chosen))

    assert found == chosen


def test_part_of_a_word_is_no_choice() -> None:
    assert parse_choice("sadly proudest", TAXONOMY.labels) is None


def test_a_choice_is_returned_in_its_own_spelling() -> None:
    assert parse_choice("joy it is", ["Joy", "Fear"]) == "Joy"
    assert parse_choice("scared", ["Joy", "Fear"], {"scared": "Fear"}) == "Fear"
    assert parse_choice("scared", ["Joy"], {"scared": "Fear"}) is None


def test_choices_of_several_words_and_of_none_are_taken_as_they_are() -> None:
    choices = ["in between", "between", "not sad", "+"]

    assert parse_choice("It is in between.", choices) == "in between"
    assert parse_choice("between", choices) == "between"
    assert parse_choice("not sad", choices) == "not sad"
    assert parse_choice("+", choices) is None


def test_every_label_has_words_that_stand_for_it() -> None:
    assert set(TAXONOMY.synonyms.values()) == set(TAXONOMY.labels)
    assert not set(TAXONOMY.synonyms) & set(TAXONOMY.labels)
    assert all(read(word) == label for word, label in TAXONOMY.synonyms.items())
