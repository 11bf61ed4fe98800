"""The parts of a graph, resolved once for each way of embedding HEF."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hef.contract import PoolingWeights, SetupError
from hef.graph import create_emotion_graph, create_hef
from hef.graph.middleware import HefMiddleware
from hef.graph.parts import Parts
from hef.sem import EMPATHETIC_DIALOGUES, Taxonomy, shipped_sem

BUILDERS = [create_hef, create_emotion_graph, HefMiddleware, Parts.resolve]


def test_parts_are_resolved_from_the_arguments_of_create_hef(scripted: Any) -> None:
    model, sem = scripted("sad"), shipped_sem()

    parts = Parts.resolve(model=model, sem=sem, prompts={"repair": "One word."})

    assert (parts.model, parts.sem, parts.taxonomy) == (model, sem, sem.description.taxonomy)
    assert parts.prompts.templates["repair"] == "One word."
    assert parts.fits.get("scripted", "generated") == PoolingWeights.default("minilm", "scripted", "generated")


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sem": "no-such-sem"}, "no-such-sem"),
        (
            {"taxonomy": Taxonomy(name="two", labels=("good", "bad"))},
            "taxonomy 'two' has other labels than SEM 'minilm'",
        ),
        ({"taxonomy": ["good", "bad"]}, r"taxonomy is \['good', 'bad'\]; give a hef.sem.Taxonomy"),
        ({"taxonomy": "ekman"}, "taxonomy is 'ekman'; give a hef.sem.Taxonomy"),
        ({"prompts": {"drafft": "x"}}, "unknown prompts"),
        ({"fit": PoolingWeights.default("other", "scripted", "generated")}, "the fit is of SEM 'other'"),
    ],
)
def test_every_way_of_building_refuses_the_same(
    build: Callable[..., Any], arguments: dict[str, Any], message: str, scripted: Any
) -> None:
    with pytest.raises(SetupError, match=message):
        build(model=scripted("sad"), **arguments)


def test_a_taxonomy_with_the_labels_of_the_sem_replaces_its_own(scripted: Any) -> None:
    taxonomy = Taxonomy(name="bare", labels=EMPATHETIC_DIALOGUES.labels)

    assert Parts.resolve(model=scripted("sad"), taxonomy=taxonomy).taxonomy is taxonomy
