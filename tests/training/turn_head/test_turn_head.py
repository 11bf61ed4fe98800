from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hef.contract import Turn
from hef.data.conversations import Conversation
from hef.sem.registry import SHIPPED
from hef.sem.runtime.manifest import Manifest
from hef.sem.runtime.onnx_sem import OnnxSem
from hef.training.sem.turn_head.last_turn_layers import NO_TURN, distances
from hef.training.sem.turn_head.turn_samples import (
    TurnSample,
    chat_samples,
    chat_windows,
    conversation_samples,
    joined_samples,
    shipped_exchanges,
    training_chats,
)
from hef.training.sem.turn_head.turn_sem import new_turn_head, write_turn_sem
from hef.training.sem.turn_head.turn_training import TurnExample, TurnRecipe, read_examples, train_turn_head, turn_loss
from tokenizers import Tokenizer

END = 9
SAD = Conversation(
    "1",
    "sad",
    "",
    tuple(
        Turn(role, text)
        for role, text in (
            ("speaker", "my dog died"),
            ("listener", "oh no"),
            ("speaker", "he was old"),
            ("listener", "sorry"),
        )
    ),
)
PROUD = Conversation(
    "2",
    "proud",
    "",
    tuple(
        Turn(role, text)
        for role, text in (("speaker", "I won the race"), ("listener", "well done"), ("speaker", "I trained a year"))
    ),
)


def test_each_token_is_told_how_far_back_its_turn_lies_and_padding_changes_nothing() -> None:
    ids = torch.tensor([[1, 5, END, 5, 5, END, 5, END, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1, 1, 1, 1, 0, 0]])
    assert distances(ids, mask, END)[0, :8].tolist() == [NO_TURN, 2, 2, 1, 1, 1, 0, 0]
    assert distances(ids[:, :8], mask[:, :8], END)[0].tolist() == distances(ids, mask, END)[0, :8].tolist()


def test_joined_dialogues_end_with_the_person_and_tell_which_turns_share_the_last_ones_subject() -> None:
    exchanges = shipped_exchanges("en")[:20]
    samples = list(joined_samples([SAD, PROUD], exchanges, "en", 60, seed=1))
    assert all(sample.turns[-1].role == "speaker" and sample.same_topic[-1] for sample in samples)
    assert {sample.emotion for sample in samples} == {"sad", "proud", ""}
    returns = [s for s in samples if s.same_topic[0] and not all(s.same_topic) and s.emotion]
    assert returns
    assert all(sample.topic_begins > 0 for sample in returns)


def test_windows_of_chats_are_short_and_begin_before_the_subject_of_a_feeling() -> None:
    chats = training_chats()[:20]
    whole = {sample.turns: sample for sample in chat_samples(chats)}
    windows = list(chat_windows(chats, seed=1))
    assert {len(sample.turns) for sample in windows} == {1, 3, 5, 7}
    for sample in windows:
        (chat,) = [one for turns, one in whole.items() if turns[-len(sample.turns) :] == sample.turns][:1]
        begin = len(chat.turns) - len(sample.turns)
        assert sample.turns[-1].role == sample.turns[0].role == "speaker"
        assert len(sample.same_topic) == len(sample.turns)
        assert not (sample.emotion and any(chat.same_topic[:begin]))
    assert any(sample.emotion for sample in windows)


def test_conversations_are_taken_up_to_a_turn_of_the_person() -> None:
    samples = list(conversation_samples([SAD, PROUD], "en", 20, seed=0))
    assert {len(sample.turns) for sample in samples} == {1, 3}
    assert all(sample.same_topic == (True,) * len(sample.turns) for sample in samples)


@pytest.fixture(scope="module")
def sem() -> OnnxSem:
    return OnnxSem(SHIPPED, threads=1)


@pytest.fixture(scope="module")
def examples() -> list[TurnExample]:
    samples = [*joined_samples([SAD, PROUD], shipped_exchanges("en")[:20], "en", 24, seed=3)]
    return read_examples(SHIPPED, samples, max_tokens=256)


def test_a_new_head_reads_as_the_trunk_does_and_a_trained_one_has_a_smaller_loss(examples: list[TurnExample]) -> None:
    torch.manual_seed(0)
    head = new_turn_head(SHIPPED)
    labels, recipe = Manifest.load(SHIPPED).labels, TurnRecipe(passes=3, batch_tokens=300, rate=3e-4)
    one = examples[0]
    inputs = one.features.inputs()
    with torch.no_grad():
        logits = head.eval()(
            *(torch.from_numpy(inputs[name]) for name in ("features", "input_ids", "attention_mask")),
        ).logits
    session_logits = _trunk_logits(one.sample)
    assert np.corrcoef(logits[0].numpy(), session_logits)[0, 1] > 0.99
    before = float(turn_loss(head, examples, labels, recipe).detach())
    train_turn_head(head, examples, labels, recipe)
    assert float(turn_loss(head, examples, labels, recipe).detach()) < 0.8 * before


def test_an_exported_head_reads_as_it_was_trained_and_leaves_vectors_and_causes_as_they_were(
    examples: list[TurnExample], sem: OnnxSem, tmp_path: Path
) -> None:
    head = new_turn_head(SHIPPED).eval()
    with torch.no_grad():
        head.neutral.bias.fill_(1.5)
    brief = [chat for chat in training_chats() if len(chat.turns) == 5][:2]
    write_turn_sem(head, SHIPPED, tmp_path, examples[:8], [SAD, PROUD], brief)
    exported = OnnxSem(tmp_path, threads=1)
    dialogues = [list(example.sample.turns) for example in examples[:4]]
    runner = exported._open()
    neutral, logits, trunk = runner.run(runner.encode(dialogues), "neutral", "logits", "trunk_logits")
    assert np.allclose([float(value) for value in neutral], 1.5, atol=0.05)
    assert all(np.corrcoef(a, b)[0, 1] > 0.99 for a, b in zip(logits, trunk, strict=True))
    assert np.allclose(exported.embed(["my dog died"]), sem.embed(["my dog died"]), atol=1e-5)


def _trunk_logits(sample: TurnSample) -> np.ndarray:
    runner = OnnxSem(SHIPPED, threads=1)._open()
    return runner.run(runner.encode([list(sample.turns)]), "trunk_logits")[0][0]


def test_a_new_head_ends_turns_as_the_tokenizer_does() -> None:
    assert new_turn_head(SHIPPED).reader.end_token == Tokenizer.from_file(str(SHIPPED / "tokenizer.json")).token_to_id(
        "[SEP]"
    )
