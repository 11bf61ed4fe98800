"""The cause head: what it learns, from which rows, and what leaves for ONNX."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hef.contract import SetupError, Turn
from hef.contract.dialogue import Word
from hef.data.cause_annotations import AnnotatedDialogue, read_emocause, read_reccon
from hef.data.conversations import Conversation, Sample
from hef.sem.runtime.encoding import DialogueEncoder, pad
from hef.training.sem.cause_distillation import make_cause_teacher
from hef.training.sem.cause_head import LEXICAL, CauseHead, build_lexicon, read_features, select_layers
from hef.training.sem.cause_training import (
    SHIPPED,
    assign_folds,
    cross_validate,
    find_causes,
    mean_recall,
    new_cause_head,
    score_words,
    train_on_dialogues,
)
from hef.training.sem.emotion_network import EmotionNetwork, Forward
from hef.training.sem.occlusion import RARITY, TEMPERATURE, occlusion_examples
from tiny_encoder import TINY, write_bert
from tokenizers import Tokenizer
from torch import Tensor, nn

QUICK = replace(SHIPPED, inner=16, dropout=0.0, passes=25, batch_size=4, learning_rate=1e-2)
CAUSE = {"sad": "dog", "joyful": "game"}
"""The planted rule: this word is the cause of that emotion, whatever else is said."""
SITUATION: dict[str, Any] = {
    "original_situation": "My  dogs died 😢",
    "emotion": "sad",
    "conv_id": "c1",
    "labels": ["dog", "Died", "dog"],
}
TALK: dict[str, Any] = {
    "dialogue_id": "t1",
    "turns": [
        {"turn": 1, "speaker": "A", "utterance": "I lost my ring .", "emotion": "neutral"},
        {"turn": 2, "speaker": "B", "utterance": "Oh no .", "emotion": "surprise",
         "expanded emotion cause evidence": [1], "expanded emotion cause span": ["I lost my ring"]},
        {"turn": 3, "speaker": "A", "utterance": "I miss it .", "emotion": "sadness",
         "expanded emotion cause evidence": [1, "b", 2], "expanded emotion cause span": ["lost my ring .", "b", "Oh"]},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> EmotionNetwork:
    folder = write_bert(tmp_path_factory.mktemp("tiny") / "bert")
    network = EmotionNetwork.from_backbone(folder, len(TINY.labels))
    network.name_or_path = str(folder)  # type: ignore[assignment]
    return network


@pytest.fixture(scope="module")
def encoder(network: EmotionNetwork) -> DialogueEncoder:
    return DialogueEncoder(Tokenizer.from_file(f"{network.name_or_path}/tokenizer.json"), 32)


def planted() -> list[AnnotatedDialogue]:
    texts = ["dog won game", "game noise dog", "ring dog game bear", "sun game dog", "dog plane game", "game dog job"]
    rows = []
    for number, text in enumerate(texts * 4):
        emotion = ("sad", "joyful")[number // len(texts) % 2]
        first = text.index(CAUSE[emotion])
        place = Word(0, first, first + len(CAUSE[emotion]))
        rows.append(AnnotatedDialogue((Turn("speaker", text),), emotion, (place,), (CAUSE[emotion],), f"c{number}"))
    return rows


def write(path: Path, lines: Sequence[Any]) -> Path:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def test_head_learns_which_word_is_the_cause_of_which_emotion(
    network: EmotionNetwork, encoder: DialogueEncoder
) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}

    head = train_on_dialogues(network, encoder, planted(), TINY.labels, recipe=QUICK)

    text = "sun dog plane game"
    for emotion, cause in CAUSE.items():
        asked = AnnotatedDialogue((Turn("speaker", text),), emotion, (), (), "new")
        (one,) = read_features(network, encoder, [asked], TINY.labels)
        best = one.words[int(np.argmax(score_words(head, one)))]
        assert text[best.start : best.end] == cause
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_cross_validation_measures_on_conversations_that_were_not_seen(
    network: EmotionNetwork, encoder: DialogueEncoder
) -> None:
    found = cross_validate(network, encoder, planted(), TINY.labels, recipe=QUICK, folds=3)

    assert mean_recall(planted(), found)["at1"] >= 0.75
    # Where a word is marked in one conversation alone, nothing can be known of it from the others.
    odd = [replace(row, conv_id="same") if row.emotion == "sad" else row for row in planted()]
    alone = cross_validate(network, encoder, odd, TINY.labels, recipe=QUICK, folds=2)
    sad = [i for i, row in enumerate(odd) if row.emotion == "sad"]
    assert mean_recall([odd[i] for i in sad], [alone[i] for i in sad])["at1"] <= 0.5


def test_extra_rows_of_the_conversation_that_is_measured_are_left_out(
    network: EmotionNetwork, encoder: DialogueEncoder
) -> None:
    sad = [row for row in planted() if row.emotion == "sad"]
    joyful = [row for row in planted() if row.emotion == "joyful"]
    rows = [replace(row, conv_id="a") for row in sad] + [replace(row, conv_id="b") for row in joyful]
    leak = [replace(row, conv_id="a") for row in sad] * 2

    found = cross_validate(network, encoder, rows, TINY.labels, recipe=QUICK, folds=2, extra=leak)

    assert mean_recall(rows[: len(sad)], found[: len(sad)])["at1"] <= 0.5


def test_a_sentence_label_alone_says_what_each_word_is_worth(network: EmotionNetwork, encoder: DialogueEncoder) -> None:
    forward = Forward(encoder, torch.device("cpu"))
    told = Conversation("a", "sad", "dog won the sad game", (Turn("speaker", "hello"),))

    (one,) = occlusion_examples(network, forward, [told, replace(told, situation="")], TINY)

    texts = ["dog won the sad game", "won the sad game", "dog the sad game", "dog won the sad"]
    logits = forward.logits(network, [Sample((Turn("speaker", text),), "", "") for text in texts])
    whole, *left = torch.from_numpy(logits).log_softmax(-1)[:, TINY.labels.index("sad")]
    numbers = [encoder.batch([[Turn("speaker", word)]])[0].ids[1] for word in ("dog", "won", "game")]
    worth = [float(whole - each) + RARITY * math.log(n + 1) for each, n in zip(left, numbers, strict=True)]
    dog, won, game = torch.softmax(torch.tensor(worth) / TEMPERATURE, 0).tolist()
    targets = {
        told.situation[word.start : word.end]: float(gold) for word, gold in zip(one.words, one.targets, strict=True)
    }
    # "the" carries no content, and "sad" names the feeling: neither is why.
    assert targets == pytest.approx({"dog": dog, "won": won, "game": game} | {"sad": 0.0}, abs=0.02)


def test_a_head_goes_on_from_another_and_leaves_it_as_it_is(network: EmotionNetwork, encoder: DialogueEncoder) -> None:
    start = train_on_dialogues(network, encoder, planted(), TINY.labels, recipe=QUICK)
    before = {name: value.clone() for name, value in start.state_dict().items()}

    # Too little to learn anything from: what the head knows, it has from where it started.
    barely = replace(QUICK, passes=1, learning_rate=1e-6)
    head = train_on_dialogues(network, encoder, planted()[:1], TINY.labels, start=start, recipe=barely)

    found = find_causes(network, encoder, head, planted(), TINY.labels)
    assert mean_recall(planted(), found)["at1"] == pytest.approx(1)
    assert all(torch.equal(value, before[name]) for name, value in start.state_dict().items())


def test_fitting_twice_gives_the_same_head(network: EmotionNetwork, encoder: DialogueEncoder) -> None:
    short = replace(QUICK, passes=2)
    first, again, other = (
        train_on_dialogues(network, encoder, planted(), TINY.labels, recipe=short, seed=seed).state_dict()
        for seed in (0, 0, 1)
    )

    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["any_label"], other["any_label"])


def test_scores_of_the_whole_pass_are_those_it_was_fitted_with(
    network: EmotionNetwork, encoder: DialogueEncoder
) -> None:
    head = train_on_dialogues(network, encoder, planted(), TINY.labels, recipe=replace(QUICK, passes=1))
    row = planted()[0]
    (one,) = read_features(network, encoder, [row], TINY.labels)

    tensors = {name: torch.from_numpy(array) for name, array in pad(encoder.batch([row.turns])).items()}
    with torch.no_grad():
        read = network.eval()(**tensors)
        scores = head(read.layers, read.token_logits, tensors["input_ids"])

    assert scores.shape == (1, tensors["input_ids"].shape[1], len(TINY.labels))
    # One token a word here; the first is [CLS].
    assert scores[0, 1:-1, one.label].tolist() == pytest.approx(score_words(head, one), abs=0.02)


class Whole(nn.Module):
    def __init__(self, network: EmotionNetwork, head: CauseHead) -> None:
        super().__init__()
        self.network, self.head = network, head

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        read = self.network(input_ids, attention_mask, token_type_ids)
        return self.head(read.layers, read.token_logits, input_ids)  # type: ignore[no-any-return]


@pytest.mark.filterwarnings("ignore")
def test_head_leaves_for_onnx_with_any_batch_and_length(
    network: EmotionNetwork, encoder: DialogueEncoder, tmp_path: Path
) -> None:
    import onnxruntime as ort

    head = train_on_dialogues(network, encoder, planted(), TINY.labels, recipe=replace(QUICK, passes=1))
    whole = Whole(network, head).eval()
    ids = torch.ones(2, 9, dtype=torch.long)
    shape = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens")}
    torch.onnx.export(
        whole,
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        str(tmp_path / "head.onnx"),
        input_names=["input_ids", "attention_mask", "token_type_ids"],
        output_names=["causes"],
        dynamic_shapes=(shape, shape, shape),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = ort.InferenceSession(str(tmp_path / "head.onnx"), providers=["CPUExecutionProvider"])

    for dialogues in (
        [[Turn("speaker", "my dog died")]],
        [[Turn("speaker", "dog")], [Turn("speaker", "we won")] * 3] * 2,
    ):
        arrays = pad(encoder.batch(dialogues))
        with torch.no_grad():
            expected = whole(**{name: torch.from_numpy(array) for name, array in arrays.items()})
        (got,) = session.run(["causes"], arrays)
        assert got == pytest.approx(expected.numpy(), abs=1e-3)


def test_shipped_head_stays_small() -> None:
    head = CauseHead(384, 32, torch.zeros(30522, LEXICAL), layers=select_layers(6), inner=SHIPPED.inner)

    assert sum(weight.numel() for weight in head.parameters()) <= 2_500_000


@pytest.mark.parametrize(("depth", "layers"), [(6, (0, 2, 4, 6)), (12, (0, 4, 8, 12)), (1, (0, 1))])
def test_head_reads_embeddings_to_last_layer(depth: int, layers: tuple[int, ...]) -> None:
    assert select_layers(depth) == layers


def test_lexicon_knows_rarity_continuation_and_function_words(encoder: DialogueEncoder) -> None:
    tokenizer = Tokenizer.from_str(encoder.tokenizer.to_str())
    tokenizer.add_tokens(["##ing"])
    lexicon = build_lexicon(tokenizer)

    dog, the, continued = (lexicon[tokenizer.token_to_id(token)] for token in ("dog", "the", "##ing"))
    assert lexicon.shape == (tokenizer.get_vocab_size(), LEXICAL)
    assert (dog[3], the[3]) == (0, 1)
    assert (dog[2], continued[2]) == (0, 1)
    assert dog[0] < the[0] < continued[0], "later in the vocabulary is rarer"


def test_rows_without_a_marked_word_are_refused(network: EmotionNetwork, encoder: DialogueEncoder) -> None:
    rows = [replace(row, cause_words=()) for row in planted()]

    with pytest.raises(SetupError, match="none of 24 rows has a marked word"):
        train_on_dialogues(network, encoder, rows, TINY.labels, recipe=QUICK)


def test_too_few_conversations_cannot_be_split() -> None:
    with pytest.raises(SetupError, match="2 conversations cannot be split into 5 folds"):
        assign_folds(["a", "b", "a"], 5)


def test_rows_of_one_conversation_share_a_fold() -> None:
    names = [f"c{i % 20}" for i in range(60)]

    folds = assign_folds(names, 5)

    assert len({(name, fold) for name, fold in zip(names, folds, strict=True)}) == 20
    assert sorted({folds.count(fold) for fold in range(5)}) == [12]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_broken_situations_are_named_by_line_and_the_rest_is_read(tmp_path: Path, name: str) -> None:
    lines = [SITUATION, "{not json", {**SITUATION, "labels": []}, {"emotion": "sad"}, {**SITUATION, "emotion": "bored"},
             {**SITUATION, "original_situation": " "}, [], {**SITUATION, "conv_id": "c2"}]  # fmt: skip

    rows, broken = read_emocause(write(tmp_path / name, lines), TINY.labels)

    assert [row.conv_id for row in rows] == ["c1", "c2"]
    assert [message.split(": ")[0] for message in broken] == [f"{name}:{line}" for line in (2, 3, 4, 5, 6, 7)]
    assert "unknown emotion 'bored'" in broken[3]


def test_marked_words_stand_where_the_raw_text_has_them(tmp_path: Path) -> None:
    (row,), _ = read_emocause(write(tmp_path / "rows.jsonl", [SITUATION]), TINY.labels)

    assert row.annotations == ("dog", "died")
    assert [row.turns[0].text[word.start : word.end] for word in row.cause_words] == ["dogs", "died"]


def test_span_of_a_dialogue_marks_the_words_of_the_one_who_feels(tmp_path: Path) -> None:
    rows, broken = read_reccon(write(tmp_path / "rows.jsonl", [TALK]), ["sad", "surprised"])

    # B's surprise has its cause with A alone, and is left out.
    (row,) = rows
    assert broken == []
    assert (row.emotion, row.conv_id) == ("sad", "t1")
    assert [turn.role for turn in row.turns] == ["speaker", "listener", "speaker"]
    assert [row.turns[word.turn].text[word.start : word.end] for word in row.cause_words] == ["lost", "my", "ring"]
    assert row.annotations == ("lost", "my", "ring")


def test_broken_dialogues_are_named_by_line_and_the_rest_is_read(tmp_path: Path) -> None:
    turns = [{**TALK["turns"][0], "speaker": None}, {"turn": 2}]
    lines = ["nonsense", TALK, {"dialogue_id": "t2"}, {"dialogue_id": "t3", "turns": turns}, {**TALK, "turns": 5}]

    rows, broken = read_reccon(write(tmp_path / "talk.jsonl", lines), ["sad"])

    assert len(rows) == 1
    assert [message.split(": ")[0] for message in broken] == [f"talk.jsonl:{line}" for line in (1, 3, 4, 5)]


def test_recall_is_per_dialogue_and_counts_the_words_of_spans(tmp_path: Path) -> None:
    from hef.contract import Cause
    from hef.data.cause_annotations import cause_recall

    rows = planted()[:1]
    rows = [replace(rows[0], annotations=("dog", "won"))]
    found = [(Cause(text="hotdog stand", turn=0, start=0, end=1, weight=0.5), *[])]

    assert mean_recall(rows, found) == {"at1": 0.5, "at3": 0.5, "at5": 0.5}
    assert cause_recall(["hotdog"], rows[0].annotations) == 0.5


def test_teacher_passes_on_what_it_learned_from_marked_words(network: EmotionNetwork, encoder: DialogueEncoder) -> None:
    told = [
        Conversation(f"u{i}", emotion, " ".join(words), ())
        for i, words in enumerate(permutations(["dog", "game", "sun", "bear"]))
        for emotion in CAUSE
    ]
    both = (encoder, network)
    taught = make_cause_teacher(both, both, planted(), told, TINY.labels, recipe=QUICK)
    start = new_cause_head(network, encoder, len(TINY.labels), QUICK, 7)

    found = find_causes(network, encoder, taught.distil(start), planted(), TINY.labels)
    kept = find_causes(
        network, encoder, taught.distil(start, {row.conv_id for row in planted()[6:12]}), planted(), TINY.labels
    )

    assert mean_recall(planted(), found)["at1"] >= 0.75
    assert found != kept


def test_teacher_does_not_see_the_words_of_hidden_conversations(
    network: EmotionNetwork, encoder: DialogueEncoder
) -> None:
    told = [Conversation("u", "sad", "dog game sun", ())]
    both = (encoder, network)
    taught = make_cause_teacher(both, both, planted(), told, TINY.labels, recipe=QUICK)
    start = new_cause_head(network, encoder, len(TINY.labels), QUICK, 7)

    with pytest.raises(SetupError, match="none of 0 rows has a marked word"):
        taught.distil(start, {row.conv_id for row in planted()})
