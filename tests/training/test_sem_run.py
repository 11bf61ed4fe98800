from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hef.contract import Dialogue, SetupError, Turn
from hef.data.conversations import Conversation, Sample, listener_turns
from hef.sem import OnnxSem
from hef.sem.runtime.encoding import DialogueEncoder, Encoded, pad
from hef.training.sem.embedding_head import EmbeddingHead
from hef.training.sem.emotion_network import EmotionNetwork, Outputs
from hef.training.sem.emotion_training import SemRun
from hef.training.sem.onnx_export import export_sem
from hef.training.sem.sem_recipe import SemRecipe
from hef.training.soft_labels import SoftLabels
from hef.training.trainer import TrainingProgress
from tiny_encoder import CONVERSATIONS, SAID, TINY, write_bert, write_mpnet
from tokenizers import Tokenizer

PASSES, STEPS = 2, 12


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bert(tmp_path_factory.mktemp("tiny") / "bert")


def make_recipe(backbone: Path, **changes: Any) -> SemRecipe:
    settings = {"passes": PASSES, "batch_size": 4, "learning_rate": 1e-2, "average_decay": 0.0, "held_out": 0.1}
    return SemRecipe.model_validate({"backbone": str(backbone), **settings, **changes})


def make_run(folder: Path, backbone: Path, **changes: Any) -> SemRun:
    return SemRun(folder, make_recipe(backbone), TINY, CONVERSATIONS, **changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> tuple[SemRun, list[TrainingProgress]]:
    """Return a run that went through without a break, and what it reported."""
    seen: list[TrainingProgress] = []
    run = make_run(tmp_path_factory.mktemp("whole"), backbone, report=seen.append)
    run.train()
    return run, seen


@pytest.fixture(scope="module")
def exported(finished: tuple[SemRun, list[TrainingProgress]], tmp_path_factory: pytest.TempPathFactory) -> OnnxSem:
    return export_sem(finished[0], tmp_path_factory.mktemp("export") / "tiny", name="tiny")


def encode(backbone: Path, dialogues: Sequence[Dialogue]) -> list[Encoded]:
    return DialogueEncoder(Tokenizer.from_file(str(backbone / "tokenizer.json"))).batch(dialogues)


def forward(network: EmotionNetwork, backbone: Path, dialogues: Sequence[Dialogue]) -> Outputs:
    """Read dialogues with a network in full precision."""
    tensors = {name: torch.from_numpy(array) for name, array in pad(encode(backbone, dialogues)).items()}
    with torch.no_grad():
        return network.eval()(**tensors)  # type: ignore[no-any-return]


def trained(run: SemRun, backbone: Path) -> EmotionNetwork:
    """Return the network that a run left."""
    network = EmotionNetwork.from_backbone(backbone, len(TINY.labels))
    network.load_state_dict(torch.load(run.folder / "network.pt"))
    return network


def log_of(run: SemRun) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_run_goes_through_all_steps_and_reports_each(finished: tuple[SemRun, list[TrainingProgress]]) -> None:
    run, seen = finished

    assert [progress.step for progress in seen] == list(range(1, len(seen) + 1))
    assert {progress.steps for progress in seen} == {len(seen)} == {STEPS}
    assert all(np.isfinite(progress.loss) for progress in seen)
    assert (run.folder / "network.pt").exists()


def test_run_logs_each_pass_with_its_accuracy(finished: tuple[SemRun, list[TrainingProgress]]) -> None:
    entries = [entry for entry in log_of(finished[0]) if "finished_pass" in entry]

    assert [entry["finished_pass"] for entry in entries] == [1, 2]
    assert all(0 <= entry["held_out"]["top1"] <= entry["held_out"]["top5"] == 1 for entry in entries)


def test_training_lowers_the_loss_on_what_it_sees(
    finished: tuple[SemRun, list[TrainingProgress]], backbone: Path
) -> None:
    run, _ = finished
    samples = list(listener_turns(run.fitted))
    wanted = torch.tensor([TINY.labels.index(sample.emotion) for sample in samples])

    def loss(network: EmotionNetwork) -> float:
        logits = forward(network, backbone, [sample.turns for sample in samples]).logits
        return float(torch.nn.functional.cross_entropy(logits, wanted))

    assert loss(trained(run, backbone)) < loss(EmotionNetwork.from_backbone(backbone, 3)) - 0.1


@pytest.mark.parametrize(("how", "kept"), [("power cut", 7), ("ctrl-c", 8)])
def test_run_that_stopped_goes_on_and_ends_the_same(
    how: str, kept: int, finished: tuple[SemRun, list[TrainingProgress]], backbone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "ctrl-c"

    def stop(progress: TrainingProgress) -> None:
        if progress.step == 8:  # in the second pass
            shutil.copytree(folder, tmp_path / "power cut")  # what stands when nothing can be saved any more
            raise KeyboardInterrupt

    steps: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        make_run(folder, backbone, checkpoint_seconds=0, report=stop).train()
    assert not (folder / "network.pt").exists()

    resumed = make_run(tmp_path / how, backbone, report=lambda progress: steps.append(progress.step))
    resumed.train()

    assert steps == list(range(kept + 1, STEPS + 1))
    assert kept in [entry.get("resumed") for entry in log_of(resumed)]
    whole, pieced = (torch.load(run.folder / "network.pt") for run in (finished[0], resumed))
    assert whole.keys() == pieced.keys()
    assert all(torch.allclose(whole[name], pieced[name], atol=1e-5) for name in whole)


def test_run_of_few_steps_keeps_what_it_learned(backbone: Path, tmp_path: Path) -> None:
    recipe = SemRecipe(backbone=str(backbone), passes=1, batch_size=8, learning_rate=1e-2, held_out=0.1)
    run = SemRun(tmp_path, recipe, TINY, CONVERSATIONS)
    before = run.network.classifier.weight.detach().clone()

    kept = run.train().classifier.weight

    assert (kept - before).abs().max() > 5e-3


def test_finished_run_trains_no_further(finished: tuple[SemRun, list[TrainingProgress]], backbone: Path) -> None:
    run, _ = finished
    before = torch.load(run.folder / "network.pt")
    steps: list[int] = []

    make_run(run.folder, backbone, report=lambda progress: steps.append(progress.step)).train()

    after = torch.load(run.folder / "network.pt")
    assert steps == []
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_token_logits_average_to_the_dialogues_logits(
    finished: tuple[SemRun, list[TrainingProgress]], backbone: Path
) -> None:
    dialogues = [*(one.turns for one in CONVERSATIONS[:3]), CONVERSATIONS[3].turns[:1]]

    out = forward(trained(finished[0], backbone), backbone, dialogues)

    for item, tokens, logits in zip(encode(backbone, dialogues), out.token_logits, out.logits, strict=True):
        assert torch.allclose(tokens[: len(item.ids)].mean(0), logits, atol=1e-4)


def test_exported_sem_agrees_with_the_network(
    exported: OnnxSem, finished: tuple[SemRun, list[TrainingProgress]], backbone: Path
) -> None:
    dialogues = [sample.turns for sample in listener_turns(CONVERSATIONS)]
    logits = forward(trained(finished[0], backbone), backbone, dialogues).logits.double().numpy()

    logs = exported.logits(dialogues)

    centred = logits - logits.mean(axis=1, keepdims=True)
    assert centred.std() > 0.15, "the network is too flat for the comparison to mean anything"
    assert logs - logs.mean(axis=1, keepdims=True) == pytest.approx(centred, abs=0.2 * centred.std())


def test_an_export_leaves_the_network_of_the_run_as_it_was(
    exported: OnnxSem, finished: tuple[SemRun, list[TrainingProgress]], backbone: Path
) -> None:
    network, fresh = finished[0].finished(), trained(finished[0], backbone)

    assert network.trunk.config._attn_implementation == fresh.trunk.config._attn_implementation != "eager"
    assert network.state_dict().keys() == fresh.state_dict().keys()
    assert all(torch.equal(tensor, fresh.state_dict()[name]) for name, tensor in network.state_dict().items())


def test_exported_sem_embeds_as_the_network(
    exported: OnnxSem, finished: tuple[SemRun, list[TrainingProgress]], backbone: Path
) -> None:
    texts = ["my dog died", "we won the game"]
    network = trained(finished[0], backbone)
    head = EmbeddingHead(network.width, network.depth + 1)
    head.load_state_dict(torch.load(finished[0].folder / "embedding.pt"))

    out = [forward(network, backbone, [[Turn("speaker", text)]]) for text in texts]
    with torch.no_grad():
        wanted = [head(one.layers, torch.ones(1, one.layers[0].shape[1]))[0].numpy() for one in out]

    assert exported.dimensions == 32
    assert (np.array(exported.embed(texts)) * np.array(wanted)).sum(axis=1) == pytest.approx(1, abs=0.02)


def test_exported_folder_stands_alone(exported: OnnxSem) -> None:
    sem = OnnxSem(exported._folder, TINY, threads=1)
    dialogue = [Turn("speaker", "my dog died")]

    assert sem.description.name == "tiny"
    assert sem.read([dialogue]) == exported.read([dialogue])
    (causes,) = sem.causes([dialogue], ["sad"])
    assert {word for cause in causes for word in cause.text.split()} == {"dog", "died"}


def test_run_may_end_in_the_midst_of_a_pass(backbone: Path, tmp_path: Path) -> None:
    steps: list[int] = []
    recipe = make_recipe(backbone, passes=1.5)

    SemRun(tmp_path, recipe, TINY, CONVERSATIONS, report=lambda progress: steps.append(progress.steps)).train()

    assert set(steps) == {9} == {len(steps)}


def test_encoder_without_token_types_and_with_other_special_tokens_learns(tmp_path: Path) -> None:
    run = SemRun(tmp_path / "run", make_recipe(write_mpnet(tmp_path / "mpnet"), passes=20), TINY, CONVERSATIONS)
    samples = list(listener_turns(run.fitted))
    wanted = np.array([TINY.labels.index(sample.emotion) for sample in samples])

    found = run.forward.logits(run.train(), samples).argmax(axis=1)

    assert (found == wanted).mean() > 0.8


def test_frozen_layers_stay_as_they_are_and_the_others_learn(tmp_path: Path) -> None:
    run = SemRun(tmp_path / "run", make_recipe(write_mpnet(tmp_path / "mpnet"), frozen_layers=1), TINY, CONVERSATIONS)
    before = {name: weight.clone() for name, weight in run.network.state_dict().items()}

    after = run.train().state_dict()

    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("trunk.encoder.layer.1") for name in changed)
    assert not any(name.startswith(("trunk.embeddings", "trunk.encoder.layer.0")) for name in changed)


def test_pupil_follows_its_teacher_where_the_labels_say_nothing(
    finished: tuple[SemRun, list[TrainingProgress]], backbone: Path, tmp_path: Path
) -> None:
    teacher = finished[0]
    texts = [Sample((Turn("speaker", text),), "", "") for texts in SAID.values() for text in texts]
    lone = [Conversation(f"x{i}", "sad", "", (Turn("speaker", "once"), Turn("listener", "yes"))) for i in range(4)]
    recipe = make_recipe(backbone, passes=8, teachers=(str(teacher.folder),), teacher_weight=1.0)
    pupil = SemRun(tmp_path, recipe, TINY, lone, further=texts)

    found = pupil.forward.logits(pupil.train(), texts).argmax(axis=1)

    assert (found == teacher.forward.logits(trained(teacher, backbone), texts).argmax(axis=1)).mean() > 0.8


def test_teachers_are_asked_once(
    finished: tuple[SemRun, list[TrainingProgress]], backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [Sample((Turn("speaker", text),), "", "") for text in SAID["sad"]]
    SoftLabels(tmp_path / "soft.pt", [finished[0].folder], TINY).add([*texts, *texts])
    monkeypatch.setattr(EmotionNetwork, "forward", None)

    again = SoftLabels(tmp_path / "soft.pt", [finished[0].folder], TINY)
    again.add(texts)

    known = again.get(texts[0])
    assert known is not None
    assert known.logits.shape == (3,)
    assert again.get(Sample((Turn("speaker", "unheard"),), "", "")) is None


@pytest.mark.parametrize(
    "lever",
    [{"agreement_weight": 1.0}, {"contrast_weight": 0.1}, {"anchor_weight": 0.1}, {"attentive": True}],
    ids=lambda lever: next(iter(lever)),
)
def test_levers_learn_what_they_see(lever: dict[str, Any], backbone: Path, tmp_path: Path) -> None:
    run = SemRun(tmp_path, make_recipe(backbone, passes=12, **lever), TINY, CONVERSATIONS)
    samples = list(listener_turns(run.fitted))
    wanted = np.array([TINY.labels.index(sample.emotion) for sample in samples])

    found = run.forward.logits(run.train(), samples).argmax(axis=1)

    assert (found == wanted).mean() > 0.8
    assert np.array_equal(run.forward.logits(run.finished(), samples).argmax(axis=1), found)


def test_attentive_network_weighs_its_tokens_and_leaves_padding_out(backbone: Path) -> None:
    torch.manual_seed(0)
    network = EmotionNetwork.from_backbone(backbone, len(TINY.labels), attentive=True)
    short, long = [Turn("speaker", "my dog died")], [Turn("speaker", "my dog died my friend moved away")]
    untrained = forward(network, backbone, [short]).logits
    plain = EmotionNetwork(network.trunk, network.width, len(TINY.labels))
    plain.classifier = network.classifier
    assert torch.allclose(untrained, forward(plain, backbone, [short]).logits, atol=1e-5)

    assert network.attention is not None
    torch.nn.init.normal_(network.attention.weight)

    alone, padded = forward(network, backbone, [short]).logits, forward(network, backbone, [short, long]).logits[:1]
    assert torch.allclose(alone, padded, atol=1e-5)
    assert not torch.allclose(alone, untrained, atol=1e-3)


def test_pupil_learns_its_teachers_features(
    finished: tuple[SemRun, list[TrainingProgress]], backbone: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(backbone, passes=8, teachers=(str(finished[0].folder),), feature_weight=1.0)
    SemRun(tmp_path, recipe, TINY, CONVERSATIONS).train()
    checkpoint = torch.load(tmp_path / "checkpoint.pt")
    project = checkpoint["objective"]["project.weight"]

    assert project.shape == (32, 32)
    pupil, teacher = trained(SemRun(tmp_path, recipe, TINY, CONVERSATIONS), backbone), trained(finished[0], backbone)
    dialogues = [one.turns for one in CONVERSATIONS]
    taught = forward(teacher, backbone, dialogues).pooled
    carried = forward(pupil, backbone, dialogues).pooled @ project.T + checkpoint["objective"]["project.bias"]
    assert torch.cosine_similarity(carried, taught - taught.mean(0)).mean() > 0.5


def test_run_goes_on_from_another(
    finished: tuple[SemRun, list[TrainingProgress]], backbone: Path, tmp_path: Path
) -> None:
    begun = torch.load(finished[0].folder / "network.pt")

    run = SemRun(tmp_path, make_recipe(backbone, starts=(str(finished[0].folder),)), TINY, CONVERSATIONS)

    assert all(torch.equal(begun[name], weight) for name, weight in run.network.state_dict().items())


def test_no_pass_from_several_runs_is_the_mean_of_their_weights(
    finished: tuple[SemRun, list[TrainingProgress]], backbone: Path, tmp_path: Path
) -> None:
    other = SemRun(tmp_path / "other", make_recipe(backbone, passes=1, seed=1), TINY, CONVERSATIONS)
    other.train()
    starts = (str(finished[0].folder), str(other.folder))
    SemRun(tmp_path / "mean", make_recipe(backbone, passes=0, starts=starts), TINY, CONVERSATIONS).train()
    one, two, mean = (torch.load(Path(folder) / "network.pt") for folder in (*starts, tmp_path / "mean"))
    for name, weight in mean.items():
        torch.testing.assert_close(weight, ((one[name].float() + two[name].float()) / 2).to(weight.dtype))
    assert any(not torch.equal(mean[name], one[name]) for name in mean)


def test_runs_of_different_shapes_have_no_mean(
    finished: tuple[SemRun, list[TrainingProgress]], backbone: Path, tmp_path: Path
) -> None:
    SemRun(tmp_path / "other", make_recipe(backbone, passes=1, attentive=True), TINY, CONVERSATIONS).train()
    starts = (str(finished[0].folder), str(tmp_path / "other"))
    with pytest.raises(SetupError, match="different shapes"):
        SemRun(tmp_path / "mean", make_recipe(backbone, passes=0, starts=starts), TINY, CONVERSATIONS)


def test_start_that_is_no_run_is_named(backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nobody holds no finished run"):
        SemRun(tmp_path / "run", make_recipe(backbone, starts=(str(tmp_path / "nobody"),)), TINY, CONVERSATIONS)


def test_texts_without_labels_want_a_teacher(backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="1 samples have no label and no teacher"):
        SemRun(tmp_path, make_recipe(backbone), TINY, CONVERSATIONS, further=[Sample((Turn("speaker", "x"),), "", "")])


def test_features_to_follow_want_a_teacher(backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="feature_weight needs the features of a teacher, and there is none"):
        SemRun(tmp_path, make_recipe(backbone, feature_weight=1), TINY, CONVERSATIONS)


def test_teacher_that_has_not_finished_is_named(backbone: Path, tmp_path: Path) -> None:
    recipe = make_recipe(backbone, teachers=(str(tmp_path / "nobody"),))
    with pytest.raises(SetupError, match="nobody holds no finished run"):
        SemRun(tmp_path / "run", recipe, TINY, CONVERSATIONS).train()


def test_folder_of_another_recipe_is_refused(finished: tuple[SemRun, list[TrainingProgress]], backbone: Path) -> None:
    with pytest.raises(SetupError, match=r"began with another recipe \(seed 0 -> 1\)"):
        SemRun(finished[0].folder, make_recipe(backbone, seed=1), TINY, CONVERSATIONS)


def test_run_that_has_not_finished_cannot_be_exported(backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"network\.pt is missing: the run has not finished"):
        export_sem(make_run(tmp_path, backbone), tmp_path / "export")


@pytest.mark.parametrize(
    "conversations", [[], CONVERSATIONS[:1], [Conversation(str(i), "sad", "", (Turn("speaker", "x"),)) for i in "ab"]]
)
def test_too_few_conversations_are_refused(conversations: list[Conversation], backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="conversations are too few"):
        SemRun(tmp_path, SemRecipe(backbone=str(backbone)), TINY, conversations)
