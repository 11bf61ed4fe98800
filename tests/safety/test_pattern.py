from __future__ import annotations

import pytest
from hef.safety.pattern import compile_pattern, required_symbols


@pytest.mark.parametrize(
    ("pattern", "text", "is_found"),
    [
        ("I ~2 WANT DIE", "I:i really do WANT:want_to DIE:die ", True),
        ("I ~2 WANT DIE", "I:i do NOT:not WANT:want_to DIE:die ", False),
        ("I ~2 WANT DIE", "I:i think HE:he WANT:wants_to DIE:die ", False),
        ("I ~1 WANT", "I:i a b WANT:want_to ", False),
        ("I ..3 WANT", "I:i , NOT:not WANT:want_to ", True),
        ("walk out", "JUMP:walk_out ", True),
        ("(a|b c) d", "b c d ", True),
        ("a [b] c", "a c ", True),
        ("^ yes", "oh yes ", False),
        ("find*", "finding ", True),
        ("find", "finding ", False),
        ("NOT ~1 @", "NOT:never ever @ ", True),
    ],
)
def test_patterns_find_what_they_say(pattern: str, text: str, is_found: bool) -> None:
    assert bool(compile_pattern(pattern).search(text)) is is_found


def test_brackets_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        compile_pattern("(a|b")


def test_what_every_match_holds_is_known() -> None:
    assert required_symbols("I [NOT] ~2 (WANT|PLAN to) DIE word (a*|b)") == ({"I"}, {"WANT", "PLAN"}, {"DIE"}, {"word"})
