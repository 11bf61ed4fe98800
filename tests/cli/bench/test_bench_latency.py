"""`hef bench turn --latency`: what is counted of a turn with a hosted LLM; never how long it took."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hef.bench import hosted_latency
from hef.bench.hosted_latency import SENTENCES, TokenPrices, measure_latency, stub_emotions
from hef.bench.stub_server import _DANGER_FORM, REPLY, StubAnswers, StubLatency, stub_server
from hef.cli.app import app
from hef.contract import Turn
from hef.sem import shipped_sem
from langchain_openai import ChatOpenAI
from typer.testing import CliRunner

AT_ONCE = StubLatency(first_token=0.0, tokens_per_second=1e6)


def test_what_the_llm_names_is_as_often_the_first_emotion_as_with_a_hosted_one() -> None:
    sem = shipped_sem()
    named = stub_emotions(sem, SENTENCES)
    ranks = [sem.read([[Turn("speaker", said)]])[0].ranked.index(named[said]) for said in SENTENCES]
    shares = [sum(low <= rank <= high for rank in ranks) / len(ranks) for low, high in ((0, 0), (1, 2), (3, 31))]
    assert shares == pytest.approx([0.64, 0.25, 0.11], abs=0.05)


def test_calls_and_tokens_are_those_that_the_server_counted_and_are_priced() -> None:
    report = measure_latency(shipped_sem(), latency=AT_ONCE, prices=TokenPrices(2.0, 3.0), sentences=SENTENCES[:3])
    plain, late = report.variants["plain"], report.variants["judged first, always"]
    assert (plain.calls, plain.completion_tokens) == (1, len(REPLY))
    assert late.calls >= 2
    assert late.prompt_tokens > plain.prompt_tokens
    assert late.completion_tokens > len(REPLY)
    expected = (2.0 * late.prompt_tokens + 3.0 * late.completion_tokens) / 1000
    assert late.price == pytest.approx(expected)
    assert all(cost.first_token <= cost.last_token for cost in report.variants.values())


def test_a_call_whose_client_goes_is_counted_with_what_it_sent() -> None:
    with stub_server(StubLatency(0.0, 20.0), StubAnswers()) as server:
        model = ChatOpenAI(base_url=server.url, api_key="x", model="stub", max_retries=0)  # type: ignore[arg-type]
        stream = model.stream("Hello")
        next(stream)
        stream.close()
        counts = server.take_counts()
        assert counts.calls == 1
        assert counts.completion_tokens < len(REPLY)
        assert server.take_counts().calls == 0


def test_the_command_prints_a_row_for_each_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(hosted_latency, "SENTENCES", SENTENCES[:2])
    arguments = ["--latency", "--first-token-ms", "0", "--tokens-per-second", "1000000", "--price-in", "1"]
    out = tmp_path / "out.json"
    done = CliRunner().invoke(app, ["bench", "turn", *arguments, "--out", str(out)])
    assert done.exit_code == 0, done.stderr
    assert "LLM alone" in done.stdout
    held: Any = json.loads(out.read_text())
    (result,) = held["results"]
    assert (held["task"], result["sentences"]) == ("latency", 2)
    assert set(result["variants"]) == {"plain", *hosted_latency.variants(), hosted_latency.OWN_CHECK}
    assert all(cost["price"] > 0 for cost in result["variants"].values())


def test_the_stub_knows_the_question_about_danger() -> None:
    assert _DANGER_FORM in (files("hef.safety") / "danger_check.md").read_text("utf-8")
