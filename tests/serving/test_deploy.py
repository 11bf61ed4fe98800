"""The compose file and the image name what there is: there is no container engine here to run them."""

from __future__ import annotations

import asyncio
import json
import re
import runpy
import sys
import tomllib
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from documents import ROOT
from hef.contract import SetupError
from hef.graph import create_hef
from langgraph.checkpoint.memory import InMemorySaver

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
READ = re.compile(r"environ(?:\[|\.get\()\"(\w+)\"")


def names_read(path: str) -> set[str]:
    return set(READ.findall((ROOT / path).read_text(encoding="utf-8")))


def test_the_worker_is_given_every_setting_that_it_reads_and_no_other() -> None:
    given = SERVICES["worker"]["environment"]
    assert names_read("deploy/worker.py") == {name for name in given if name.startswith("HEF_")}
    assert {name for name in given if not name.startswith("HEF_")} == {"OPENAI_BASE_URL", "OPENAI_API_KEY"}
    assert given["HEF_MODEL"].startswith("openai:")


def test_langgraphs_server_is_given_settings_that_the_studio_graph_reads() -> None:
    given = {name for name in SERVICES["langgraph"]["environment"] if name.startswith("HEF_")}
    assert given == {"HEF_MODEL", "HEF_CHROMA_URL", "HEF_TOKENS"}
    assert given - {"HEF_TOKENS"} <= names_read("graph/studio.py")
    assert names_read("deploy/auth.py") == {"HEF_TOKENS"}


def test_the_images_of_langgraphs_server_read_checkpoints_strictly() -> None:
    for file in ("langgraph.json", "deploy/langgraph.json"):  # `env` is for `langgraph dev` and `up`, not for an image
        settings = json.loads((ROOT / file).read_text(encoding="utf-8"))
        assert "ENV LANGGRAPH_STRICT_MSGPACK=true" in settings["dockerfile_lines"]


def test_a_server_without_tokens_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEF_TOKENS", "")
    auth = runpy.run_path(str(DEPLOY / "auth.py"))
    for authorization in (None, "", "Bearer", "Bearer ", "Bearer x"):
        with pytest.raises(auth["Auth"].exceptions.HTTPException, match="Bearer TOKEN"):
            asyncio.run(auth["authenticate"](authorization))


def test_the_studio_graph_takes_the_llm_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEF_MODEL", "nobody:nothing")
    with pytest.raises(SetupError, match="nobody:nothing"):
        runpy.run_module("hef.graph.studio")


@pytest.mark.parametrize("service", ["worker", "langgraph"])
def test_every_address_is_a_service_at_the_port_that_it_listens_on(service: str) -> None:
    ports = {"postgres": 5432, "chroma": 8000, "redis": 6379, "llm": 8000}
    urls = [urlsplit(value) for value in SERVICES[service]["environment"].values() if "://" in value]
    assert len(urls) == (3 if service == "worker" else 4)
    for url in urls:
        assert url.hostname in SERVICES
        assert url.port == ports[str(url.hostname)]
    for llm in ("llm", "llm-cpu"):
        command = SERVICES[llm]["command"]
        assert command[command.index("--port") + 1] == "8000"
    assert "llm" in SERVICES["llm-cpu"]["networks"]["default"]["aliases"]


def test_what_a_service_depends_on_and_mounts_is_declared() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        assert {volume.split(":")[0] for volume in service.get("volumes", ())} <= set(COMPOSE["volumes"])
    waited = SERVICES["worker"]["depends_on"]
    assert all("healthcheck" in SERVICES[one] for one, how in waited.items() if how["condition"] == "service_healthy")


def test_only_langgraphs_server_is_reached_from_outside_and_from_this_machine_alone() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published == ["127.0.0.1:8123:8000"]


def test_the_chroma_image_is_the_version_that_is_pinned() -> None:
    assert f"chromadb=={SERVICES['chroma']['image'].split(':')[1]}" in (ROOT / "constraints.txt").read_text()


def test_the_image_holds_all_packages_and_runs_the_worker() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    folders = {path.split("/")[0] for path in project["tool"]["setuptools"]["package-dir"].values()}
    assert {f"!{folder}" for folder in folders} <= set(kept)
    written = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', written)
    assert set(extras.split(",")) <= set(project["project"]["optional-dependencies"])
    (command,) = re.findall(r"^CMD (.+)$", written, re.MULTILINE)
    assert (ROOT / json.loads(command)[1]).is_file()
    assert "!deploy" in kept
    assert SERVICES["worker"]["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}


async def test_a_row_whose_person_is_blank_has_a_fault_and_does_not_end_the_worker(
    monkeypatch: pytest.MonkeyPatch, scripted: Any
) -> None:
    pytest.importorskip("psycopg_pool")
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
    worker = runpy.run_path(str(DEPLOY / "worker.py"))
    hef = create_hef(model=scripted("sad", "I am sorry.")).compile(checkpointer=InMemorySaver())

    columns, report = await worker["answer_or_fault"](hef, "1", "t", " ", "My dog died.")
    answered, _ = await worker["answer_or_fault"](hef, "2", "t", "ana", "My dog died.")

    assert columns[:2] == [None, None]
    assert "user_id is blank" in str(report["fault"])
    assert answered[0] == "I am sorry."


def test_a_worker_without_postgresql_names_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(SystemExit, match=re.escape("pip install 'hef[postgres]'")):  # a text: printed, exit code 1
        runpy.run_path(str(DEPLOY / "worker.py"))
