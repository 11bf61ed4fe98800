"""Blind pairs: what a judge sees, what the key says, and how verdicts are counted."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest
from hef.contract import SetupError, Turn
from hef.evaluation.replies.blind_pairs import (
    JudgeVerdict,
    KeyRow,
    export_pairs,
    key_path,
    make_pairs,
    make_verdict,
    sign_test,
    win_rate,
)
from hef.evaluation.replies.replier import Reply, ReplySample, ReplyVariant

COUNT = 21
SAMPLES = [
    ReplySample(f"c{number}:1", (Turn("speaker", f"said {number}"),), "sad", f"c{number}", "human")
    for number in range(COUNT)
]


def replies(variant: ReplyVariant) -> list[Reply]:
    return [
        Reply(sample=held.id, variant=variant, text=f"{variant} to {held.id}", seconds=1, emotion="sad", causes=("x",))
        for held in SAMPLES
    ]


def exported(seed: int = 3):
    return make_pairs(SAMPLES, replies("hef"), replies("plain"), seed)


def test_the_key_says_which_reply_is_hefs():
    pairs, key = exported()
    assert {row.sample for row in key} == {held.id for held in SAMPLES}
    for pair, row in zip(pairs, key, strict=True):
        own, other = (pair.a, pair.b) if row.hef == "a" else (pair.b, pair.a)
        assert (pair.id, own, other) == (row.id, f"hef to {row.sample}", f"plain to {row.sample}")
        assert pair.dialogue[0]["text"] == f"said {row.sample[1:-2]}"


def test_hef_stands_on_each_side_equally_often_and_in_no_order():
    _, key = exported()
    sides = [row.hef for row in key]
    assert abs(sides.count("a") - sides.count("b")) == 1
    assert sides[0::2] != sides[0:1] * len(sides[0::2])
    assert [row.sample for row in key] != [held.id for held in SAMPLES]
    assert exported(3)[1] == exported(3)[1]
    assert [row.hef for row in exported(4)[1]] != sides


def test_a_judge_sees_nothing_but_dialogue_and_replies(tmp_path: Path):
    path = tmp_path / "new" / "pairs.jsonl"
    seals = export_pairs(path, *exported())
    assert key_path(path).name == "pairs.key.jsonl"
    assert seals == {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (path, key_path(path))}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {tuple(row) for row in rows} == {("id", "dialogue", "a", "b")}
    assert not any("c1" in row["id"] or "hef" in row["id"] for row in rows)


def test_verdicts_are_counted_with_the_key():
    key = [KeyRow(id=f"p{n}", sample=f"s{n}", hef="a" if n % 2 else "b", seed=0) for n in range(5)]
    said = {"p0": "b", "p1": "a", "p2": "a", "p3": "tie"}
    verdicts = [JudgeVerdict.model_validate({"id": name, "better": better}) for name, better in said.items()]
    found, strange = win_rate([*verdicts, JudgeVerdict(id="other", better="a")], key)
    assert (found.wins, found.ties, found.losses) == (2, 1, 1)
    assert (found.verdicts, found.pairs, found.unjudged) == (4, 4, 1)
    assert found.rate.value == pytest.approx(2.5 / 4)
    assert found.rate.low < found.rate.value < found.rate.high
    assert len(strange) == 1
    assert "'other'" in strange[0]


def test_several_judges_of_one_pair_are_one_toss_of_the_sign_test():
    key = [KeyRow(id="p", sample="s", hef="a", seed=0)]
    found, _ = win_rate([JudgeVerdict(id="p", better="a")] * 9 + [JudgeVerdict(id="p", better="b")], key)
    assert (found.verdicts, found.pairs, found.p_value) == (10, 1, 1.0)
    assert found.rate.value == pytest.approx(0.9)


def test_the_sign_test_is_exact():
    assert sign_test(0, 0) == 1.0
    assert sign_test(5, 0) == pytest.approx(2 / 32)
    assert sign_test(8, 2) == sign_test(2, 8) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert sign_test(5, 5) == 1.0


def test_verdicts_on_other_pairs_are_refused():
    with pytest.raises(SetupError, match="no verdict"):
        win_rate([JudgeVerdict(id="x", better="a")], [KeyRow(id="p", sample="s", hef="a", seed=0)])
    with pytest.raises(ValueError, match="a, b or tie"):
        make_verdict({"id": "x", "better": "A"})


def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(SetupError, match=r"pip install 'hef\[evaluate\]'"):
        sign_test(3, 1)
