from __future__ import annotations

import json
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from hef.contract import SetupError, Turn
from hef.contract.dialogue import Dialogue
from hef.contract.safety import Safety
from hef.data.conversations import Conversation
from hef.evaluation.safety.safety_cases import CASE_SETS, SafetyCase, everyday_talk, read_cases, shipped_cases
from hef.evaluation.safety.safety_report import report_cases, report_conversations, wilson


def case(id: str, level: str, text: str) -> SafetyCase:
    return SafetyCase(id, "en", "kind", level, (Turn("speaker", text),))  # type: ignore[arg-type]


def echo(dialogue: Dialogue) -> Safety:
    """Give the level that a turn names."""
    return Safety(level=dialogue[-1].text)  # type: ignore[arg-type]


def test_shares_are_counted_by_level() -> None:
    cases = [
        case("1", "danger", "danger"),
        case("2", "danger", "concern"),
        case("3", "concern", "danger"),
        case("4", "concern", "none"),
        case("5", "none", "danger"),
        case("6", "none", "none"),
    ]
    (report,) = report_cases(cases, "open", echo)
    shares = [
        report.danger_recall,
        report.concern_recall,
        report.concern_exact,
        report.harmless_to_danger,
        report.harmless_to_concern,
    ]
    assert [share.count for share in shares] == [1, 1, 0, 1, 0]
    assert {share.total for share in shares} == {2}
    assert [turn.id for turn in report.wrong] == ["2", "3", "4", "5"]
    assert [(kind.expected, kind.right.count) for kind in report.kinds] == [("concern", 1), ("danger", 1), ("none", 1)]


def test_every_raised_turn_of_a_conversation_is_listed() -> None:
    turns = (Turn("speaker", "danger"), Turn("listener", "danger"), Turn("speaker", "none"))
    report = report_conversations([Conversation("c", "sad", "", turns)], "file", echo)
    assert (report.turns, report.danger.count, report.concern.count) == (2, 1, 0)
    assert [turn.text for turn in report.raised] == ["danger"]


def test_wilson_is_within_bounds_and_holds_the_share() -> None:
    none, half = wilson(0, 10), wilson(5, 10)
    assert (none.low, round(none.high, 3)) == (0.0, 0.278)
    assert (round(half.low, 3), round(half.high, 3)) == (0.237, 0.763)


def test_a_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    good = {"id": "1", "language": "en", "kind": "k", "level": "none", "turns": [{"role": "user", "text": "hi"}]}
    bad = {**good, "turns": [{"role": "assistant", "text": "hi"}]}
    path.write_text("\n".join(map(json.dumps, (good, bad))), encoding="utf-8")
    cases, broken = read_cases(path)
    assert [one.id for one in cases] == ["1"]
    assert "cases.jsonl:2" in broken[0]


def test_a_file_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="there is no file"):
        read_cases(tmp_path / "none.jsonl")


def test_the_open_cases_ship_and_cover_every_level_in_both_languages() -> None:
    cases, broken = shipped_cases("open")
    assert broken == []
    assert {(one.language, one.level) for one in cases} == {
        (language, level) for language in ("en", "zh") for level in ("none", "concern", "danger")
    }


def test_a_half_that_does_not_ship_is_empty() -> None:
    assert shipped_cases("other") == ([], [])


def test_everyday_talk_is_read_to_the_persons_last_turn() -> None:
    talk = everyday_talk()
    for conversations in talk.values():
        assert len({one.conv_id for one in conversations}) == len(conversations) > 50
        assert {one.turns[-1].role for one in conversations} == {"speaker"}
    assert list(talk) == ["chats", "changes", "talks"]


def test_no_case_is_trained_on_but_those_of_the_open_half() -> None:
    measured = {case.turns for half in CASE_SETS if half != "open" for case in shipped_cases(half)[0]}
    with as_file(files("hef.training.safety").joinpath("cases")) as folder:
        files_of_cases = [path for path in sorted(folder.glob("*.jsonl")) if not path.name.startswith("held_out")]
        trained = {case.turns for path in files_of_cases for case in read_cases(path)[0]}

    def long(cases: set[tuple[Turn, ...]]) -> set[tuple[Turn, ...]]:
        """Return those that only one writer would write so."""
        return {turns for turns in cases if sum(len(turn.text) for turn in turns) > 35}

    assert len(trained) > 15_000
    assert not long(measured) & long(trained)
