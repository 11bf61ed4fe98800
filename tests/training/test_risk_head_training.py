"""The risk head learns levels and kinds from labelled turns, and an exported one reads as it was trained."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hef.contract import Turn
from hef.safety.findings import LEVELS
from hef.safety.risk_head import HEAD_TOKENS, RiskHead
from hef.sem.registry import SHIPPED, shipped_sem
from hef.training.safety.risk_head_training import (
    RiskExample,
    RiskHeadRecipe,
    export_risk_head,
    new_risk_network,
    read_examples,
    risk_loss,
    train_risk_head,
)
from hef.training.safety.risk_samples import RiskSample, chat_turns, read_chat_levels, result_kind
from hef.training.sem.turn_head.token_features import stack
from hef.training.sem.turn_head.turn_samples import chat_samples, is_held_out, training_chats


def sample(level: str, kind: str, *texts: str) -> RiskSample:
    roles = ("speaker", "listener")
    turns = tuple(Turn(roles[(len(texts) - 1 - index) % 2], text) for index, text in enumerate(texts))
    return RiskSample(turns, level, kind)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def examples() -> list[RiskExample]:
    samples = [
        sample("danger", "plan_timing", "it all stops on saturday"),
        sample("danger", "plan_timing", "the key is under the mat, look after the cat"),
        sample("danger", "dv_acute", "who is at the door?", "him"),
        sample("concern", "third_person", "my friend does not want to be here any more"),
        sample("none", "chat", "it all starts on saturday"),
        sample("none", "chat", "the key is under the mat, come in"),
        sample("none", "chat", "who is at the door?", "the postman"),
    ]
    return read_examples(SHIPPED, samples * 4)


def test_training_lowers_the_loss_and_the_exported_head_reads_the_same(
    examples: list[RiskExample], tmp_path: Path
) -> None:
    recipe = RiskHeadRecipe(passes=8, batch_tokens=200, rate=1e-3)
    network = new_risk_network(SHIPPED)
    before = float(risk_loss(network.eval(), examples, recipe).detach())
    train_risk_head(network, examples, recipe)
    assert float(risk_loss(network, examples, recipe).detach()) < before / 2

    export_risk_head(network, shipped_sem(), tmp_path / "risk_head.onnx", examples)
    head = RiskHead(shipped_sem(), tmp_path / "risk_head.onnx")
    for one in examples[:7]:
        with torch.no_grad():
            levels = network(*stack([one.features], HEAD_TOKENS)).levels.softmax(-1)[0].numpy()
        assert np.allclose(head.read(one.sample.turns)[0], levels, atol=0.1)
        assert LEVELS[int(levels.argmax())] == one.sample.level


def test_turns_of_chats_have_the_level_that_a_reader_gave_and_are_harmless_else() -> None:
    read = chat_turns(0)
    levels = Counter(one.level for one in read)
    assert levels["none"] > 10 * levels["danger"] > 500 > levels["concern"] > 50

    drawn = chat_turns(20)[len(read) :]
    assert 15 < len(drawn) <= 20
    assert {one.level for one in drawn} == {"none"}
    assert drawn == chat_turns(20)[len(read) :]


def test_each_level_of_a_chats_turn_is_of_a_turn_that_ships() -> None:
    turns = {(chat.id, len(one.turns) - 1) for chat in training_chats() for one in chat_samples([chat])}
    assert read_chat_levels().keys() <= turns


def test_chats_that_are_held_out_teach_no_risk() -> None:
    held_out = {sample.turns for chat in training_chats() if is_held_out(chat) for sample in chat_samples([chat])}
    taught = {one.turns for one in chat_turns(1_000)}

    assert len(held_out) > 2_000
    assert not [turns for turns in held_out & taught if len(turns) > 1]  # a greeting stands in several


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("heart_attack_denial", "medical"),
        ("bee_sting", "medical"),
        ("partner_knife_now", "abuse"),
        ("gun_argument", "violence"),
        ("overdose_accident", "overdose"),
        ("tired_of_existing", ""),
        ("heartbreak", ""),
        ("birthday_gift", ""),
        ("car_garage", ""),
    ],
)
def test_a_writers_kind_stands_for_the_kind_of_a_result(written: str, kind: str) -> None:
    assert result_kind(written) == kind
