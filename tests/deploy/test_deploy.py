"""The compose file and the image name what there is: there is no container engine here to run them."""

from __future__ import annotations

import asyncio
import json
import re
import runpy
import tomllib
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import typer.main
import yaml
from documents import ROOT
from hef.cli.app import app
from hef.cli.settings import Settings
from hef.contract import SetupError
from hef.serving.server_settings import ServerSettings

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
READ = re.compile(r"environ(?:\[|\.get\()\"(\w+)\"")


def names_read(path: str) -> set[str]:
    return set(READ.findall((ROOT / path).read_text(encoding="utf-8")))


def test_the_chat_server_is_given_settings_that_it_reads() -> None:
    given = SERVICES["hef"]["environment"]
    read = {f"HEF_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in given if name.startswith("HEF_")} <= read
    assert {name for name in given if not name.startswith("HEF_")} == {"OPENAI_BASE_URL", "OPENAI_API_KEY"}
    assert given["HEF_MODEL"].startswith("openai:")
    assert given["HEF_KEYS"].startswith(f"{SERVICES['hef']['volumes'][0].split(':')[1]}/")


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


@pytest.mark.parametrize("service", ["hef", "langgraph"])
def test_every_address_is_a_service_at_the_port_that_it_listens_on(service: str) -> None:
    ports = {"postgres": 5432, "chroma": 8000, "redis": 6379, "llm": 8000}
    urls = [urlsplit(value) for value in SERVICES[service]["environment"].values() if "://" in value]
    assert len(urls) == (3 if service == "hef" else 4)
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
        mounted = {volume.split(":")[0] for volume in service.get("volumes", ())}
        assert {name for name in mounted if not name.startswith("./")} <= set(COMPOSE["volumes"])
        assert all((DEPLOY / name).is_file() for name in mounted if name.startswith("./"))
        waited = service.get("depends_on", {}).items()
        assert all("healthcheck" in SERVICES[one] for one, how in waited if how["condition"] == "service_healthy")


def test_the_balancer_and_langgraphs_server_are_reached_and_from_this_machine_alone() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published == ["127.0.0.1:8200:8200", "127.0.0.1:8123:8000"]


def test_the_balancer_passes_words_on_as_they_come_to_the_port_of_the_servers() -> None:
    written = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert "listen 8200;" in written
    assert "set $servers hef;" in written
    assert f"proxy_pass http://$servers:{SERVICES['hef']['expose'][0]};" in written
    assert "proxy_buffering off;" in written
    assert "client_max_body_size 20m;" in written
    assert ServerSettings().max_body <= 20 * 2**20


def test_the_chroma_image_is_the_version_that_is_pinned() -> None:
    assert f"chromadb=={SERVICES['chroma']['image'].split(':')[1]}" in (ROOT / "constraints.txt").read_text()


def test_the_image_holds_all_packages_and_runs_the_chat_server() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    folders = {path.split("/")[0] for path in project["tool"]["setuptools"]["package-dir"].values()}
    assert {f"!{folder}" for folder in folders} <= set(kept)
    written = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', written)
    assert set(extras.split(",")) <= set(project["project"]["optional-dependencies"])
    (line,) = re.findall(r"^CMD (.+)$", written, re.MULTILINE)
    program, *arguments = json.loads(line)
    assert program in project["project"]["scripts"]
    port = arguments[arguments.index("--port") + 1]
    assert SERVICES["hef"]["expose"] == [port]
    assert f"http://127.0.0.1:{port}/health" in SERVICES["hef"]["healthcheck"]["test"][-1]
    command: Any = typer.main.get_command(app)
    for name in arguments[:2]:
        _, command, _ = command.resolve_command(click.Context(command), [name])
    assert command.make_context("chat", arguments[2:]).params["host"] == "0.0.0.0"
    assert SERVICES["hef"]["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}
