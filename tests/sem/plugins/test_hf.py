from __future__ import annotations

import json
from collections.abc import Sequence
from math import fsum
from pathlib import Path
from typing import Any

import pytest
from hef.contract import ModelError, SetupError, Turn
from hef.graph import create_hef
from hef.sem import EMPATHETIC_DIALOGUES, GOEMOTIONS_TO_EMPATHETIC_DIALOGUES, HfSem, Sem, Taxonomy
from hef.sem.testing import SemContract
from hef.sem.validation import check_reading
from langchain_core.messages import HumanMessage
from tiny_encoder import write_classifier
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = "my dog died last night i am so happy about the new job oh no what word".split()
DOG = [Turn("speaker", "My dog died last night.")]
OWN = ("sadness", "joy", "weather")
LABEL_MAP = {"sadness": "sad", "joy": "joyful"}
GOEMOTIONS = (
    "admiration amusement anger annoyance approval caring confusion curiosity desire disappointment disapproval "
    "disgust embarrassment excitement fear gratitude grief joy love nervousness optimism pride realization relief "
    "remorse sadness surprise neutral"
).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny random classifier of one label a text."""
    return classifier(tmp_path_factory.mktemp("tiny") / "classifier", OWN)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny random classifier of several labels a text: GoEmotions'."""
    made = tmp_path_factory.mktemp("tiny") / "several"
    return classifier(made, GOEMOTIONS, problem_type="multi_label_classification")


def classifier(made: Path, labels: Sequence[str], **settings: Any) -> Path:
    """Write a tiny random classifier and its tokenizer into a folder."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    tokens = [*SPECIALS, ".", *WORDS]
    tokenizer = Tokenizer(WordPiece({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        initializer_range=1.0,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        **settings,
    )
    BertForSequenceClassification(config).save_pretrained(made)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(made)
    return made


@pytest.fixture(scope="module")
def sem(folder: Path) -> HfSem:
    return HfSem(str(folder), max_tokens=16)


class TestHfSem(SemContract):
    pass


def test_it_is_a_sem_with_the_models_own_labels(sem: HfSem, folder: Path) -> None:
    assert isinstance(sem, Sem)
    assert sem.description.taxonomy == Taxonomy(str(folder), OWN)
    assert sem.description.name == f"huggingface:{folder}"


def test_reading_is_the_softmax_of_the_logits(sem: HfSem, folder: Path) -> None:
    from transformers import pipeline

    classify = pipeline("text-classification", model=str(folder), top_k=None)
    (rows,) = classify(["My dog died last night."])
    expected = {row["label"]: row["score"] for row in rows}

    (reading,) = sem.read([DOG])

    assert check_reading(reading, OWN, "tiny").distribution == pytest.approx(expected, abs=1e-5)
    assert reading.truncated_turns == 0


def test_batch_reads_as_one_by_one(folder: Path) -> None:
    dialogues = [[Turn("speaker", " ".join(WORDS[:n]))] for n in (9, 1, 5)]
    small = HfSem(str(folder), batch_size=2)

    batched = small.read(dialogues)

    for reading, dialogue in zip(batched, dialogues, strict=True):
        assert reading.distribution == pytest.approx(small.read([dialogue])[0].distribution, abs=1e-5)


def test_views_look_at_their_turns(sem: HfSem) -> None:
    talk = [Turn("speaker", "I am so happy."), Turn("listener", "Oh what about?"), *DOG]

    (last,) = sem.read([talk], views=["last_turn"])

    assert last.view == "last_turn"
    assert last.distribution == pytest.approx(sem.read([DOG])[0].distribution, abs=1e-5)


def test_label_map_carries_the_models_labels_to_the_taxonomy(sem: HfSem, folder: Path) -> None:
    mapped = HfSem(str(folder), taxonomy=EMPATHETIC_DIALOGUES, label_map=LABEL_MAP, max_tokens=16)
    own = sem.read([DOG])[0].distribution

    found = check_reading(mapped.read([DOG])[0], EMPATHETIC_DIALOGUES.labels, "tiny").distribution

    assert fsum(found.values()) == pytest.approx(1)
    assert {label for label, value in found.items() if value} == {"sad", "joyful"}
    assert found["sad"] / found["joyful"] == pytest.approx(own["sadness"] / own["joy"], rel=1e-4)


def test_two_labels_may_share_a_target(sem: HfSem, folder: Path) -> None:
    merged = HfSem(str(folder), taxonomy=EMPATHETIC_DIALOGUES, label_map=dict.fromkeys(OWN, "sad"), max_tokens=16)

    assert merged.read([DOG])[0].distribution["sad"] == pytest.approx(1)


def test_a_label_may_be_shared_by_several_targets(sem: HfSem, folder: Path) -> None:
    shares = {"sadness": {"sad": 3.0, "lonely": 1.0}, "joy": "joyful"}
    mapped = HfSem(str(folder), taxonomy=EMPATHETIC_DIALOGUES, label_map=shares, max_tokens=16)
    own = sem.read([DOG])[0].distribution

    found = mapped.read([DOG])[0].distribution

    assert found["sad"] / found["lonely"] == pytest.approx(3)
    assert (found["sad"] + found["lonely"]) / found["joyful"] == pytest.approx(own["sadness"] / own["joy"], rel=1e-4)


@pytest.mark.parametrize(
    ("label_map", "complaint"),
    [
        ({"sadness": "sadd"}, r"takes 'sadness' to \['sadd'\], which taxonomy 'empathetic_dialogues' lacks"),
        ({"sadness": {"sad": 0.5, "glum": 0.5}}, r"to \['glum'\]"),
        ({"sadness": {"sad": -1.0}}, "expected numbers above 0"),
    ],
)
def test_a_map_with_a_mistake_is_refused(folder: Path, label_map: Any, complaint: str) -> None:
    with pytest.raises(SetupError, match=complaint):
        HfSem(str(folder), taxonomy=EMPATHETIC_DIALOGUES, label_map=label_map)


def test_several_labels_a_text_are_read_by_sigmoids(several: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    inputs = AutoTokenizer.from_pretrained(several)([DOG[0].text], return_tensors="pt")
    with torch.inference_mode():
        logits = AutoModelForSequenceClassification.from_pretrained(several)(**inputs).logits[0]
    lone = logits.sigmoid() / logits.sigmoid().sum()

    (reading,) = HfSem(str(several)).read([DOG])

    found = check_reading(reading, GOEMOTIONS, "several").distribution
    assert [found[label] for label in GOEMOTIONS] == pytest.approx(lone.tolist(), abs=1e-5)
    assert [found[label] for label in GOEMOTIONS] != pytest.approx(logits.softmax(-1).tolist(), abs=1e-2)


def test_goemotions_is_mapped_to_the_32_and_neutral_left_out(several: Path) -> None:
    mapped = HfSem(str(several), taxonomy=EMPATHETIC_DIALOGUES, label_map=GOEMOTIONS_TO_EMPATHETIC_DIALOGUES)
    own = HfSem(str(several)).read([DOG])[0].distribution

    found = check_reading(mapped.read([DOG])[0], EMPATHETIC_DIALOGUES.labels, "mapped").distribution

    named = 1 - own["neutral"]
    assert found["grateful"] == pytest.approx((own["gratitude"] + own["relief"] / 2) / named, rel=1e-4)
    assert found["terrified"] == pytest.approx(own["fear"] / 2 / named, rel=1e-4)


def test_the_goemotions_map_is_whole_and_reaches_every_label() -> None:
    mapped = GOEMOTIONS_TO_EMPATHETIC_DIALOGUES

    assert list(mapped) == GOEMOTIONS[:-1]
    assert all(fsum(shares.values()) == pytest.approx(1) for shares in mapped.values())
    assert {label for shares in mapped.values() for label in shares} == set(EMPATHETIC_DIALOGUES.labels)


def test_labels_that_never_reach_the_taxonomy_are_refused(folder: Path) -> None:
    with pytest.raises(SetupError, match="give a label_map"):
        HfSem(str(folder), taxonomy=EMPATHETIC_DIALOGUES)


def test_causes_are_the_words_without_which_the_emotion_fades(sem: HfSem) -> None:
    talk = [Turn("speaker", "My dog, my job, my night.")]

    (causes,) = sem.causes([talk], ["sadness"])

    def without(word: str) -> float:
        return sem.read([[Turn("speaker", talk[0].text.replace(word, ""))]])[0].distribution["sadness"]

    assert {cause.text for cause in causes} == {"dog", "job", "night"}
    assert [cause.text for cause in causes] == sorted((cause.text for cause in causes), key=without)
    assert all(talk[cause.turn].text[cause.start : cause.end] == cause.text for cause in causes)
    assert fsum(cause.weight for cause in causes) == pytest.approx(1)


def test_causes_of_an_unknown_emotion_name_the_known_ones(sem: HfSem) -> None:
    with pytest.raises(SetupError, match=r"unknown emotion 'sad'.*sadness, joy, weather"):
        sem.causes([DOG], ["sad"])


def test_oldest_turns_are_dropped_first_and_counted(sem: HfSem) -> None:
    long = [Turn("speaker", "word " * 10), Turn("listener", "Oh no."), *DOG]

    (reading,) = sem.read([long])

    assert reading.truncated_turns == 1
    assert reading.distribution == pytest.approx(sem.read([long[1:]])[0].distribution, abs=1e-5)


@pytest.mark.parametrize("length", [20, 50_000])
def test_turn_that_is_too_long_is_read_by_its_end_and_counted(sem: HfSem, length: int) -> None:
    (reading,) = sem.read([[Turn("speaker", "happy " * length + "word " * 8 + DOG[0].text)]])

    end = [Turn("speaker", "word " * 8 + DOG[0].text)]  # 14 tokens: fills the window of 16
    assert reading.truncated_turns == 1
    assert reading.distribution == pytest.approx(sem.read([end])[0].distribution, abs=1e-5)


@pytest.mark.parametrize("text", ["", " \n", "😢", "\x00", "\ud83d"])
def test_odd_turn_is_read_without_harm(sem: HfSem, text: str) -> None:
    dialogue = [Turn("speaker", text)]

    check_reading(sem.read([dialogue])[0], OWN, "tiny")
    assert len(sem.causes([dialogue], ["joy"])[0]) <= 1


def test_nothing_to_read_gives_nothing(sem: HfSem) -> None:
    assert sem.read([]) == sem.causes([], []) == []


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no text-classification model at .*nothing"):
        HfSem(str(tmp_path / "nothing"))


def test_weights_that_are_missing_are_told_when_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())

    with pytest.raises(ModelError, match=r"the weights of .* cannot be loaded"):
        HfSem(str(tmp_path)).read([DOG])


def test_weights_that_are_damaged_are_told_when_read(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"broken")

    with pytest.raises(ModelError, match=r"the weights of .* cannot be loaded"):
        HfSem(str(tmp_path)).read([DOG])


def test_a_model_that_cannot_take_its_tokens_is_told(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tokens = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    tokens["model"]["vocab"]["dog"] = 9999
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokens), encoding="utf-8")

    with pytest.raises(ModelError, match="cannot read 1 texts"):
        HfSem(str(tmp_path)).read([DOG])


def test_numbers_that_are_none_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    broken = HfSem(str(folder), max_tokens=16)
    _, model = broken._load()
    monkeypatch.setattr(model.classifier, "bias", torch.nn.Parameter(torch.full((3,), float("nan"))))

    with pytest.raises(ModelError, match="returned a value that is not finite"):
        broken.read([DOG])


def test_it_takes_the_shipped_sems_place_in_the_graph(sem: HfSem, scripted: Any) -> None:
    hef = create_hef(model=scripted(OWN[0], "I hear you."), sem=sem).compile()

    empathy = hef.invoke({"messages": [HumanMessage("My dog died last night.")]})["empathy"]

    assert set(empathy.distribution) == set(OWN)
    assert empathy.sem == sem.description.name
    assert empathy.degraded is None


@pytest.mark.parametrize(
    ("kind", "positions", "read"),
    [("roberta", 514, 512), ("xlm-roberta", 66, 64), ("mpnet", 66, 64), ("bert", 64, 64), ("electra", 514, 514)],
)
def test_a_long_text_is_cut_to_what_the_architecture_reads(
    kind: str, positions: int, read: int, tmp_path: Path
) -> None:
    sem = HfSem(str(write_classifier(tmp_path, kind, OWN, max_position_embeddings=positions)), max_tokens=4 * positions)
    long = [Turn("speaker", "my dog died " * 400)]

    (reading,) = sem.read([long])

    assert fsum(reading.distribution.values()) == pytest.approx(1)
    assert reading.truncated_turns == 1
    assert sem.longest_input == read


def test_a_window_below_the_models_own_stays(tmp_path: Path) -> None:
    sem = HfSem(str(write_classifier(tmp_path, "roberta", OWN)), max_tokens=16)

    sem.read([DOG])

    assert sem.longest_input == 16


def test_no_code_of_a_models_folder_is_run(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path, "bert", OWN)
    config = json.loads((folder / "config.json").read_text())
    ran = tmp_path / "ran"
    (folder / "own.py").write_text(f"open({str(ran)!r}, 'w')\n")
    names = {"AutoConfig": "own.Config", "AutoModelForSequenceClassification": "own.Model"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "own", "auto_map": names}))

    with pytest.raises(SetupError, match="no text-classification model"):
        HfSem(str(folder))
    assert not ran.exists()
