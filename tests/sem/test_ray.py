"""Ray: a corpus read by many SEMs is the corpus read by one, and a served SEM is a SEM."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hef.cli.app import app
from hef.contract import SetupError, Turn
from hef.graph import create_hef
from hef.llm.local_chat import LocalChat
from hef.sem import HttpSem, Sem, resolve_sem, shipped_sem
from hef.sem.ray.cluster import Cluster
from hef.sem.testing import SemContract
from langchain_core.messages import HumanMessage
from server_process import free_port
from typer.testing import CliRunner

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray's own

LINES = [{"id": n, "text": f"I lost {n} friends in the war, and I am so lonely."} for n in range(20)]


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Run one small cluster for all tests here."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray Serve kills its proxy where that takes longer to start than this, as on a busy machine.
    os.environ["RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S"] = os.environ["RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S"] = "120"
    import ray

    ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def url(ray: Any) -> Iterator[str]:
    """Serve the shipped SEM."""
    from hef.sem.ray.service import ServiceOptions, start_service, stop_service

    yield start_service(ServiceOptions(cpus=0.5), port=free_port())
    stop_service()


@pytest.fixture(scope="module")
def sem(url: str) -> Sem:
    return resolve_sem(url)


class TestServedSem(SemContract):
    pass


def test_a_served_sem_reads_what_the_same_one_reads_here(sem: Sem) -> None:
    dialogue = [Turn("speaker", "My dog died last night."), Turn("listener", "Oh no."), Turn("speaker", "I miss him.")]

    (there,), (here,) = sem.read([dialogue], views=["speaker"]), shipped_sem().read([dialogue], views=["speaker"])

    assert there == here
    assert sem.causes([dialogue], ["sad"]) == shipped_sem().causes([dialogue], ["sad"])
    assert sem.description == shipped_sem().description


def test_a_turn_runs_with_a_served_sem(sem: Sem, scripted: Any) -> None:
    out = (
        create_hef(model=scripted("sad", "I hear you."), sem=sem).compile().invoke({"messages": [HumanMessage("Hm.")]})
    )

    assert (out["empathy"].sem, out["empathy"].degraded) == ("minilm", None)


def test_callers_at_once_get_each_their_own(sem: Sem) -> None:
    dialogues = [[Turn("speaker", str(line["text"]))] for line in LINES]

    with ThreadPoolExecutor(8) as pool:
        there = list(pool.map(lambda dialogue: sem.read([dialogue])[0], dialogues))

    for one, other in zip(there, shipped_sem().read(dialogues), strict=True):
        assert one.distribution == pytest.approx(other.distribution, abs=0.05)


def test_the_service_refuses_with_a_reason(url: str) -> None:
    nowhere, wrong = httpx.get(f"{url}/reed"), httpx.post(f"{url}/read", json={"dialogues": [[]]})
    strange = httpx.post(f"{url}/causes", json={"dialogues": [[{"role": "speaker", "text": "x"}]], "emotions": ["odd"]})

    assert (nowhere.status_code, wrong.status_code, strange.status_code) == (404, 422, 422)
    assert "without turns" in wrong.json()["error"]
    assert "odd" in strange.json()["error"]


def test_what_one_caller_asks_takes_no_other_along(url: str) -> None:
    good = [{"role": "speaker", "text": "I am glad."}]
    asked = [{"dialogues": [dialogue]} for dialogue in (good, [], good, [])]

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda body: httpx.post(f"{url}/read", json=body).status_code, asked))

    assert statuses == [200, 422, 200, 422]


@pytest.mark.usefixtures("ray")
def test_perceive_gives_the_same_rows_with_ray() -> None:
    lines = [*map(json.dumps, LINES[:9]), "{", *map(json.dumps, LINES[9:])]

    def perceive(*flags: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["perceive", "--batch-size", "4", *flags], input="\n".join(lines))
        return done.exit_code, done.stdout

    assert perceive("--ray", "local", "--ray-actors", "2", "--ray-cpus", "0.5") == perceive()


def talk(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("speaker", "listener")[place % 2], "text": text} for place, text in enumerate(texts)]


@pytest.mark.usefixtures("ray")
def test_evaluate_gives_the_same_figures_with_ray(tmp_path: Path) -> None:
    said = ["My dog died.", "I got the job!", "I am scared of him.", "I trust her with my life."]
    emotions = ["sad", "joyful", "terrified", "trusting"]
    rows = [
        {
            "conv_id": f"c{n}",
            "emotion": emotions[n % 4],
            "utterances": talk(said[n % 4], "Oh.", f"It was at {n}.", "Hm."),
        }
        for n in range(40)
    ]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def figures(*flags: str) -> Any:
        done = CliRunner().invoke(app, ["evaluate", "emotion", "--data", str(data), "--json", *flags])
        assert done.exit_code == 0, done.output
        (report,) = json.loads(done.stdout)["results"]
        return {name: value for name, value in report.items() if name not in ("seconds", "stages")}

    assert figures("--ray", "local", "--ray-actors", "1") == figures()


def test_ray_s_own_files_and_command_line_can_deploy_it() -> None:
    from hef.sem.ray.service import sem_app

    app: Any = sem_app({"sem": "lexicon", "replicas": "2"})

    assert app._bound_deployment.num_replicas == 2
    with pytest.raises(ValueError, match="batches"):
        sem_app({"batches": 4})


def test_a_missing_extra_is_named_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(SetupError, match=r"pip install 'hef\[ray\]'"):
        Cluster().connect()


@pytest.mark.usefixtures("ray")
def test_with_ray_the_llm_is_asked_by_the_actors_alone_and_every_figure_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"conv_id": f"c{n}", "emotion": "sad", "utterances": talk(f"My dog number {n} died.", "Oh.", "Hm.", "Hm.")}
        for n in range(2)
    ]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def figures(*flags: str) -> Any:
        asked = ["evaluate", "emotion", "--strategy", "all", "--data", str(data), "--json", *flags]
        done = CliRunner().invoke(app, asked)
        assert done.exit_code == 0, done.output
        reports = json.loads(done.stdout)["results"]
        return [{**report, "seconds": 0, "stages": {**report["stages"], "seconds": 0}} for report in reports]

    def refuse(*arguments: Any, **named: Any) -> Any:
        raise AssertionError("asked here")

    here = figures()
    monkeypatch.setattr(LocalChat, "score_choices", refuse)

    assert figures("--ray", "local", "--ray-actors", "1", "--run", str(tmp_path / "run")) == here
    assert figures("--run", str(tmp_path / "run")) == here


def test_ray_is_for_many_lines() -> None:
    done = CliRunner().invoke(app, ["perceive", "I am glad.", "--ray", "local"])

    assert done.exit_code == 2
    assert "--ray" in done.output


def test_the_command_serves_until_it_is_stopped(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray import serve

    serve.delete("sem")  # Ray Serve itself stays: a cluster has one, and so one port
    port, found = httpx.URL(url).port, []

    def ask_and_stop(seconds: float) -> None:
        found.append(HttpSem(url).description.name)
        raise KeyboardInterrupt

    monkeypatch.setattr("hef.cli.serve.serve_sem.sleep", ask_and_stop)

    done = CliRunner().invoke(app, ["serve", "sem", "--port", str(port), "--ray-cpus", "1", "--sem", "lexicon"])

    assert (done.exit_code, found) == (0, ["lexicon"]), done.output
    assert url in done.stdout
    with pytest.raises(SetupError):
        HttpSem(url, tries=1)
