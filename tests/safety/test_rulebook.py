from __future__ import annotations

from hef.safety.rulebook import load_rulebook


def lexicon_tags(tree: dict[str, object]) -> set[str]:
    tags = set()
    for symbol, branch in tree.items():
        tags |= {str(branch)} if symbol == "" else lexicon_tags(branch)  # type: ignore[arg-type]
    return tags


def test_every_pattern_that_ships_can_be_compiled() -> None:
    rulebook = load_rulebook()
    assert all(rule.pattern.pattern for rule in (*rulebook.claims, *rulebook.clearings))


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
