from __future__ import annotations

import pytest
from hef.safety.pattern import compile_pattern
from hef.safety.rulebook import load_rulebook
from hef.safety.turn_reading import read_turn


def lexicon_tags(tree: dict[str, object]) -> set[str]:
    tags = set()
    for symbol, branch in tree.items():
        tags |= {str(branch)} if symbol == "" else lexicon_tags(branch)  # type: ignore[arg-type]
    return tags


def test_every_pattern_that_ships_can_be_compiled() -> None:
    rulebook = load_rulebook()
    assert all(rule.pattern.pattern for rule in (*rulebook.claims, *rulebook.clearings))
    assert all(compile_pattern(pattern) for patterns in rulebook.dialogue.values() for pattern in patterns)


def test_every_tag_of_a_rule_is_in_the_lexicon() -> None:
    rulebook = load_rulebook()
    known = lexicon_tags(rulebook.phrases.tree) | lexicon_tags(rulebook.compounds.tree)
    rules = (*rulebook.claims, *rulebook.clearings)
    used = {symbol for rule in rules for group in rule.required for symbol in group if symbol.isupper()}
    assert {tag for tag in used if tag.isascii()} - known - {"NUM", "FEW"} == set()


def test_every_clearing_names_claims_that_exist() -> None:
    rulebook = load_rulebook()
    for is_chinese in (False, True):
        names = {claim.name for claim in rulebook.claims if claim.is_chinese == is_chinese}
        cleared = {name for one in rulebook.clearings if one.is_chinese == is_chinese for name in one.claims}
        assert cleared <= names


def test_both_languages_have_every_level() -> None:
    claims = load_rulebook().claims
    assert {(claim.is_chinese, claim.level) for claim in claims} == {
        (is_chinese, level) for is_chinese in (False, True) for level in ("concern", "danger")
    }


@pytest.mark.parametrize(
    "text",
    [
        "I want to kill myself tonight. My dad hits me, and nobody helps.",
        "I took thirty pills an hour ago!",
        "She says that she would rather be dead. What can I do?",
        "我不想活了。他每天打我，我好怕。",
        "The exam killed me, lol.",
    ],
)
def test_a_sentence_is_compared_with_every_claim_that_it_may_hold(text: str) -> None:
    rulebook = load_rulebook()
    for sentence in read_turn(text).sentences:
        possible = [
            claim
            for claim in rulebook.claims
            if all(any(symbol in sentence.symbols for symbol in group) for group in claim.required)
        ]
        assert rulebook.claims_about(sentence.symbols) == possible


def test_what_takes_a_claim_back_is_found_by_its_name() -> None:
    rulebook = load_rulebook()
    for claim in rulebook.claims:
        named = [clearing for clearing in rulebook.clearings if claim.name in clearing.claims]
        assert rulebook.get_clearings(claim) == [one for one in named if one.is_chinese == claim.is_chinese]
