"""Which fit joins which pair: never one that was made for another."""

from __future__ import annotations

from importlib.resources import files
from math import log
from pathlib import Path
from typing import Any

import pytest
from hef.contract import HefContext, PoolingWeights, Reading, SetupError, Verdict
from hef.graph import create_emotion_graph, create_hef
from hef.nodes.calling import llm_calls
from hef.nodes.deciding.decision import decide
from hef.nodes.deciding.fit_registry import FitRegistry, resolve_fit, shipped_fits
from hef.sem import EMPATHETIC_DIALOGUES as TAXONOMY
from hef.sem.distribution import primary_emotions
from langchain_core.language_models import FakeListChatModel

SAID = {"messages": [("user", "My dog died last night and I cry all the time.")]}


class Named(FakeListChatModel):
    """A chat model with a name."""

    model_name: str


def trusting(model: str = "one", **changed: Any) -> PoolingWeights:
    """Return a fit by which the LLM is always right."""
    votes = {"vote_first": 20.0, "vote_primary": 20.0, "vote_outside": 20.0}
    return PoolingWeights.model_validate({"sem": "minilm", "model": model, "form": "generated", **votes, **changed})


def decided(llm: Any, *, fit: Any = None, **settings: Any) -> str:
    hef = create_emotion_graph(model=llm, fit=fit).compile()
    return str(hef.invoke(SAID, context=HefContext(**settings))["empathy"].emotion)


def test_a_pair_nobody_has_fitted_is_joined_with_caution() -> None:
    assert FitRegistry("minilm").get("new", "generated") == PoolingWeights.default("minilm", "new", "generated")


def test_the_callers_fit_is_of_its_own_pair_and_form_alone() -> None:
    fits = FitRegistry("minilm", trusting("one"))

    assert fits.get("one", "generated") == trusting("one")
    assert fits.get("other", "generated").origin is None
    assert fits.get("other", "generated").vote_outside == pytest.approx(log(2))
    assert fits.get("one", "scored") == PoolingWeights.default("minilm", "one", "scored")


def test_shipped_fits_are_found_by_the_names_of_their_pair() -> None:
    for fit in shipped_fits():
        assert FitRegistry(fit.sem).get(fit.model, fit.form) == fit
        assert FitRegistry("another").get(fit.model, fit.form).origin is None


def test_shipped_fits_say_how_they_were_fitted_and_no_pair_has_two() -> None:
    assert all(fit.origin for fit in shipped_fits())
    assert len({(fit.sem, fit.model, fit.form) for fit in shipped_fits()}) == len(shipped_fits())
    assert len(shipped_fits()) == len([*(files("hef.nodes.deciding") / "fits").iterdir()])


def test_the_callers_fit_goes_before_a_shipped_one() -> None:
    shipped = shipped_fits()[0]
    own = shipped.model_copy(update={"llm_weight": 1.5, "origin": None})

    assert FitRegistry(own.sem, own).get(own.model, own.form) == own


@pytest.mark.parametrize("changed", [{"model": "other"}, {"sem": "lexicon"}])
def test_a_fit_of_another_pair_is_refused(changed: dict[str, str]) -> None:
    fit = trusting().model_copy(update=changed)
    for create in (create_hef, create_emotion_graph):
        with pytest.raises(SetupError, match=r"the fit is of SEM .* but here are SEM 'minilm' and LLM 'one'"):
            create(model=Named(responses=["sad"], model_name="one"), fit=fit)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "holds no fit"), ('{"sem": "minilm"}', "model: Field required"), ("\xff", "holds no fit")],
)
def test_a_file_that_holds_no_fit_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SetupError, match=said):
        create_hef(model=Named(responses=["sad"], model_name="one"), fit=path)


@pytest.mark.parametrize(
    "changed", [{"llm_weight": float("nan")}, {"escape": float("inf")}, {"sem_weight": 0}, {"votes": 1}]
)
def test_what_is_no_weight_is_no_fit(changed: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 validation error"):
        trusting(**changed)


def test_a_missing_file_or_another_object_is_refused(tmp_path: Path) -> None:
    model = Named(responses=["sad"], model_name="one")
    with pytest.raises(SetupError, match="cannot be read"):
        create_hef(model=model, fit=tmp_path / "none.json")
    with pytest.raises(SetupError, match="give PoolingWeights, the path of their file, or None"):
        create_hef(model=model, fit=3)  # type: ignore[arg-type]


def test_a_bias_for_a_label_that_there_is_not_is_refused() -> None:
    with pytest.raises(SetupError, match="peckish"):
        resolve_fit(trusting(bias={"peckish": 1.0}), sem="minilm", model="one", labels=TAXONOMY.labels)


def test_the_graph_decides_by_the_fit_it_is_given(tmp_path: Path) -> None:
    model = Named(responses=["none, proud"], model_name="one")
    trusting().write(tmp_path / "fit.json")

    assert decided(model) != "proud"
    assert decided(model, fit=trusting()) == "proud"
    assert decided(model, fit=str(tmp_path / "fit.json")) == "proud"


@pytest.mark.parametrize(("name", "proud"), [("one", True), ("other", False)])
async def test_an_llm_of_a_run_is_never_joined_by_anothers_fit(
    name: str, proud: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Named(responses=["none, proud"], model_name=name)
    monkeypatch.setattr(llm_calls, "resolve_model", lambda spec: chosen)
    own = Named(responses=["none, proud"], model_name="one")
    hef = create_emotion_graph(model=own, fit=trusting("one")).compile()

    assert decided(own, fit=trusting("one"), model="provider:chosen") == ("proud" if proud else "sad")
    out = await hef.ainvoke(SAID, context=HefContext(model="provider:chosen"))
    assert (out["empathy"].emotion == "proud") is proud


def reading() -> Reading:
    shares = {label: 0.5 / 30 for label in TAXONOMY.labels} | {"sad": 0.3, "lonely": 0.2}
    return Reading(distribution=shares, primary=primary_emotions(shares, 3))


@pytest.mark.parametrize(
    ("emotion", "agreed", "vote"),
    [("sad", True, "vote_first"), ("lonely", True, "vote_primary"), ("proud", False, "vote_outside")],
)
def test_a_label_is_weighed_by_where_it_stands_with_the_sem(emotion: str, agreed: bool, vote: str) -> None:
    silent = PoolingWeights(sem="", model="one", form="generated")
    verdict = Verdict(turn="t", agreed=agreed, emotion=emotion, form="generated", model="one")
    before = decide([reading()], verdict, TAXONOMY, silent).distribution
    after = decide([reading()], verdict, TAXONOMY, silent.model_copy(update={vote: 1.0})).distribution

    assert before == pytest.approx(reading().distribution)
    odds = [shares[emotion] / (1 - shares[emotion]) for shares in (before, after)]
    assert log(odds[1] / odds[0]) == pytest.approx(1)


def test_bias_and_escape_count_as_the_fit_says() -> None:
    fit = PoolingWeights(sem="", model="one", form="generated", escape=-1.0, bias={"proud": 2.0})
    verdict = Verdict(turn="t", agreed=False, emotion="proud", form="generated", model="one")
    found = decide([reading()], verdict, TAXONOMY, fit).distribution

    assert log(found["proud"] / found["sad"]) == pytest.approx(log(0.5 / 30 / 0.3) + 2 + 1)
