from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hef.sem.plugins.hf_sem
import hef.sem.registry
import pytest
from hef.contract import Cause, Dialogue, Reading, SetupError, Turn, View
from hef.sem import (
    EMPATHETIC_DIALOGUES,
    OnnxSem,
    Sem,
    SemDescription,
    Taxonomy,
    installed_sems,
    resolve_sem,
    shipped_sem,
)

TINY = Taxonomy("tiny", ("sad", "joyful"))


class CoinSem:
    """The smallest SEM there is."""

    description = SemDescription(name="coin", taxonomy=TINY)

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        return [Reading(distribution={"sad": 0.5, "joyful": 0.5}) for _ in dialogues]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        return [() for _ in dialogues]


def broken() -> Sem:
    raise RuntimeError("no such GPU")


def missing() -> Sem:
    raise SetupError("weights are missing: run `coin download`")


def not_a_sem() -> object:
    return SimpleNamespace(read=None)


class MuteSem(CoinSem):
    """A SEM that fails when it is asked who it is."""

    @property
    def description(self) -> Any:
        raise RuntimeError("ask me later")


class VagueSem(CoinSem):
    """A SEM that describes itself by a text."""

    description: Any = "a coin"


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install plugins of all kinds beside the shipped one."""
    values = {
        "minilm": "hef.sem.registry:shipped_sem",
        "coin": f"{__name__}:CoinSem",
        "broken": f"{__name__}:broken",
        "missing": f"{__name__}:missing",
        "odd": f"{__name__}:not_a_sem",
        "gone": "no_such_package_of_anyone:sem",
        "mute": f"{__name__}:MuteSem",
        "vague": f"{__name__}:VagueSem",
    }
    functions = {made.__name__: made for made in (CoinSem, MuteSem, VagueSem, broken, missing, not_a_sem)}

    class Point(EntryPoint):
        def load(self) -> Any:
            return functions[self.attr] if self.module == __name__ else super().load()

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [Point(name, value, group) for name, value in values.items()] if group == "hef.sem" else []

    monkeypatch.setattr(hef.sem.registry, "entry_points", entry_points)


@pytest.mark.parametrize("spec", [None, "minilm"])
def test_shipped_sem_is_the_default_and_has_a_name(spec: str | None) -> None:
    sem = resolve_sem(spec)

    assert isinstance(sem, OnnxSem)
    assert sem.description.taxonomy is EMPATHETIC_DIALOGUES


def test_sem_object_is_returned_as_it_is() -> None:
    own = CoinSem()

    assert resolve_sem(own) is own


def test_unknown_name_lists_what_is_installed(plugins: None) -> None:
    with pytest.raises(
        SetupError, match=r"unknown SEM 'mini'; installed: broken, coin, gone, minilm, missing, mute, odd, vague;"
    ):
        resolve_sem("mini")


@pytest.mark.parametrize("spec", [7, object(), ["minilm"], CoinSem, SimpleNamespace(read=1)])
def test_what_is_no_sem_is_refused(spec: Any) -> None:
    with pytest.raises(SetupError, match=r"sem is (a \w+|the class CoinSem); expected an object with `description`"):
        resolve_sem(spec)


def test_huggingface_names_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hef.sem.plugins.hf_sem, "HfSem", lambda source: ("HfSem", source))

    assert resolve_sem("huggingface:some/model") == ("HfSem", "some/model")
    assert resolve_sem("huggingface:C:/models/x") == ("HfSem", "C:/models/x")


def test_an_ensemble_names_its_members(tmp_path: Path) -> None:
    shutil.copytree(Path(hef.sem.__file__).parent / "runtime" / "model", tmp_path / "mine")
    joined = resolve_sem(f"ensemble:lexicon, {tmp_path / 'mine'}")
    dialogue = [Turn("speaker", "My dog died last night.")]
    apart = [resolve_sem(spec).read([dialogue])[0].distribution for spec in ("lexicon", None)]

    assert joined.description.name == "ensemble(lexicon, minilm)"
    found = joined.read([dialogue])[0].distribution
    mean = {label: (apart[0][label] * apart[1][label]) ** 0.5 for label in found}
    assert found == pytest.approx({label: held / sum(mean.values()) for label, held in mean.items()}, abs=1e-4)
    with pytest.raises(SetupError, match="unknown SEM 'none'"):
        resolve_sem("ensemble:minilm,none")


def test_huggingface_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no text-classification model"):
        resolve_sem(f"huggingface:{tmp_path / 'nothing'}")


def test_plugin_is_found_by_its_entry_point(plugins: None) -> None:
    assert isinstance(resolve_sem("coin"), CoinSem)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("broken", r"'broken' \(.*:broken\) cannot be loaded: no such GPU"),
        ("gone", "'gone' .* cannot be loaded: No module named 'no_such_package_of_anyone'"),
        ("missing", "^weights are missing: run `coin download`$"),
        ("odd", "'odd' returns a SimpleNamespace without `description`"),
        ("mute", r"'mute' \(.*:MuteSem\) cannot be loaded: ask me later"),
    ],
)
def test_plugin_that_cannot_be_used_says_why(plugins: None, name: str, complaint: str) -> None:
    with pytest.raises(SetupError, match=complaint):
        resolve_sem(name)


def test_installed_sems_describe_the_good_and_explain_the_others(plugins: None) -> None:
    found = installed_sems()

    assert list(found) == ["broken", "coin", "gone", "minilm", "missing", "mute", "odd", "vague"]
    assert found["coin"] == CoinSem.description
    assert isinstance(found["minilm"], SemDescription)
    assert all(isinstance(found[name], SetupError) for name in ("broken", "gone", "missing", "mute", "odd"))
    assert "'vague' has a str as description, not a SemDescription" in str(found["vague"])


def test_no_plugin_is_loaded_before_it_is_asked_for(plugins: None) -> None:
    assert isinstance(resolve_sem("coin"), CoinSem)  # although `broken` stands beside it


def test_shipped_sem_is_an_installed_entry_point() -> None:
    assert isinstance(installed_sems()["minilm"], SemDescription)


ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


def blocks(info: str) -> list[str]:
    """Return the fenced code blocks of the guide with one info text, in order."""
    return re.findall(rf"^```{info}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def run(*command: str, cwd: Path, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a Python module or code in a process that also imports from a folder."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run([sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example plugin with pip into a folder of its own, and return the folder."""
    folder = tmp_path_factory.mktemp("example")
    source, target = folder / "source", folder / "target"
    shutil.copytree(ROOT / "tests" / "support" / "example_plugin", source, ignore=shutil.ignore_patterns("__pycache__"))
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    done = run("-m", "pip", "install", *offline, "--target", str(target), str(source), cwd=folder, path=folder)
    assert done.returncode == 0, done.stderr
    return target


def test_the_example_plugin_is_listed_by_its_entry_point(example: Path) -> None:
    done = run("-m", "hef.cli", "sems", "--json", cwd=example, path=example)

    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["weather"]["labels"] == ["gloomy", "cheerful", "stormy"]
    assert "error" not in rows["minilm"]


def test_the_example_plugin_is_taken_by_its_name(example: Path) -> None:
    code = """
from hef.contract import Turn
from hef.sem import check_sem, resolve_sem
sem = resolve_sem("weather")
check_sem(sem)
print(sem.read([[Turn("speaker", "So much rain, only rain.")]])[0].ranked[0], type(sem).__module__)
"""
    done = run("-c", code, cwd=example, path=example)

    assert done.stdout.split() == ["gloomy", "hef_example_sem"], done.stderr


def test_the_guides_entry_point_is_the_examples() -> None:
    (snippet,) = blocks("toml")

    assert snippet in (ROOT / "tests" / "support" / "example_plugin" / "pyproject.toml").read_text(encoding="utf-8")


def test_the_guides_tests_pass_for_the_example(example: Path, tmp_path: Path) -> None:
    (snippet,) = blocks("python test")
    (tmp_path / "test_weather.py").write_text(snippet, encoding="utf-8")

    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_weather.py", cwd=tmp_path, path=example)

    assert "7 passed, 1 skipped" in done.stdout, done.stdout


def test_the_guides_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripted: Any) -> None:
    (form,) = blocks("json")
    (tmp_path / "support.json").write_text(form, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"chat_model": scripted("impatient")}
    snippets = blocks("python")

    for snippet in snippets:
        exec(compile(snippet, "docs/plugins.md", "exec"), namespace)

    assert len(snippets) == 5
    assert namespace["reading"].ranked[0] == "impatient"
    assert namespace["hef"].invoke({"messages": [("user", "Hurry up!")]})["empathy"].degraded is None


@pytest.mark.parametrize(
    ("labels", "neighbours", "synonyms"),
    [
        (("sad",), {}, {}),
        (("sad", "sad"), {}, {}),
        (("sad", "joyful"), {"sad": ("glad",)}, {}),
        (("sad", "joyful"), {"glad": ("sad",)}, {}),
        (("sad", "joyful"), {}, {"happy": "glad"}),
    ],
)
def test_taxonomy_mentions_only_its_own_labels(
    labels: tuple[str, ...], neighbours: dict[str, tuple[str, ...]], synonyms: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="taxonomy 'mine'"):
        Taxonomy("mine", labels, neighbours, synonyms)


def test_shipped_taxonomy_has_32_labels_that_all_have_neighbours() -> None:
    assert len(EMPATHETIC_DIALOGUES.labels) == 32
    assert all(EMPATHETIC_DIALOGUES.neighbours[label] for label in EMPATHETIC_DIALOGUES.labels)
    assert all(label not in EMPATHETIC_DIALOGUES.neighbours[label] for label in EMPATHETIC_DIALOGUES.labels)
    assert not set(EMPATHETIC_DIALOGUES.synonyms) & set(EMPATHETIC_DIALOGUES.labels)


def test_all_graphs_of_a_process_share_the_shipped_sem() -> None:
    assert resolve_sem() is resolve_sem("minilm") is shipped_sem()


def test_another_number_of_threads_is_another_shipped_sem(monkeypatch: pytest.MonkeyPatch) -> None:
    before = shipped_sem()
    monkeypatch.setenv("HEF_THREADS", "2")

    assert shipped_sem() is not before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_loads_the_shipped_sem_anew() -> None:
    before = shipped_sem()
    before.read([[Turn("speaker", "My dog died.")]])

    child = os.fork()
    if not child:
        os._exit(0 if shipped_sem() is not before else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
