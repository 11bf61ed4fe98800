"""`hef perceive`: from lines to lines, whatever stands in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hef.cli.app import app
from hef.cli.perceive_input import read_rows
from hef.contract import ModelError
from hef.sem import shipped_sem
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner


def perceive(lines: list[Any], *options: str):
    stdin = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    return CliRunner().invoke(app, ["perceive", *options, "-"], input=stdin)


def rows(done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_form_of_a_line_gives_one_row_in_order():
    done = perceive(
        [
            '"My dog died last night."',
            {"id": 1, "text": "I got the job!"},
            {"id": 2, "messages": [{"role": "user", "content": "I failed."}, {"role": "assistant", "content": "Oh."}]},
            {"id": 3, "utterances": [{"role": "speaker", "text": "I am scared of the dark."}]},
        ],
        "--batch-size",
        "3",
    )
    assert done.exit_code == 0, done.stderr
    found = rows(done)
    assert [row.get("id") for row in found] == [None, 1, 2, 3]
    for row in found:
        assert row["emotion"] == max(row["distribution"], key=row["distribution"].__getitem__)
        assert sum(row["distribution"].values()) == pytest.approx(1, abs=1e-3)
        assert row["causes"]
    assert (
        found[0]["text"][slice(*[found[0]["causes"][0][end] for end in ("start", "end")])]
        == found[0]["causes"][0]["text"]
    )


def test_batches_change_nothing():
    lines = [{"text": f"I won {number} prizes at the fair, and I am proud."} for number in range(7)]
    one, many = perceive(lines, "--batch-size", "1"), perceive(lines, "--batch-size", "64")
    for first, second in zip(rows(one), rows(many), strict=True):
        assert first["emotion"] == second["emotion"]
        assert first["distribution"] == pytest.approx(second["distribution"], abs=0.05)


def test_broken_lines_are_told_and_nothing_stops():
    done = perceive(
        ["{", '"fine, I am happy"', "[1]", {"id": 9, "text": " "}, "", {"messages": [{"role": "cat", "text": "x"}]}]
    )
    assert done.exit_code == 1
    found = rows(done)
    assert [row.get("line") for row in found] == [1, None, 3, 4, 6]
    assert ["error" in row for row in found] == [True, False, True, True, True]
    assert found[3]["id"] == 9
    assert "4 lines" in done.stderr


def test_a_line_that_is_no_text_is_told():
    done = CliRunner().invoke(app, ["perceive", "-"], input=b'"\xff\xfe"\n"I am glad."\n')
    assert done.exit_code == 1
    assert rows(done)[0] == {"error": "not UTF-8 text", "line": 1}
    assert rows(done)[1]["emotion"]


def test_keys_that_results_use_are_kept_aside():
    (row,) = rows(perceive([{"text": "I got the job!", "emotion": "gold", "split": "dev"}]))
    assert row["input"] == {"emotion": "gold"}
    assert row["split"] == "dev"
    assert row["emotion"] != "gold"


def test_options_make_rows_smaller():
    (row,) = rows(perceive(['"I got the job!"'], "--no-causes", "--top", "2"))
    assert "causes" not in row
    assert len(row["distribution"]) == 2


def test_one_dialogue_that_fails_takes_no_other_along(monkeypatch: pytest.MonkeyPatch):
    class Moody:
        description = shipped_sem().description
        causes = staticmethod(shipped_sem().causes)

        def read(self, dialogues, *, views=None):
            if any("poison" in turn.text for turns in dialogues for turn in turns):
                raise ModelError("this one cannot be read")
            return shipped_sem().read(dialogues)

    monkeypatch.setattr("hef.sem.resolve_sem", lambda spec: Moody())
    done = perceive(['"I am glad."', '"poison"', '"I am sad."'])
    assert done.exit_code == 1
    assert ["error" in row for row in rows(done)] == [False, True, False]
    assert rows(done)[1] == {"text": "poison", "error": "this one cannot be read", "line": 2}


def test_no_lines_give_no_rows():
    done = perceive([])
    assert (done.exit_code, done.stdout) == (0, "")


def test_one_sentence_is_shown_with_its_cause_words_marked():
    shown = CliRunner().invoke(app, ["perceive", "My dog died last night."]).stdout
    assert "emotion" in shown
    assert "%" in shown
    assert "*dog*" in shown


def test_one_sentence_as_json():
    done = CliRunner().invoke(app, ["perceive", "My dog died last night.", "--json"])
    held = json.loads(done.stdout)
    assert held["text"] == "My dog died last night."
    assert len(held["distribution"]) == 32


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_line_can_break_the_reader(line: bytes):
    for row in read_rows([line]):
        assert (row.error is None) == bool(row.turns)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["text", "messages", "role", "content", "id"]), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_no_json_can_break_the_reader(value: Any):
    for row in read_rows([json.dumps(value).encode()]):
        assert (row.error is None) == bool(row.turns)
