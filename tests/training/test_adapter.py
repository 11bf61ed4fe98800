"""The adapter's training: its sequences are the graph's own prompts, and a tiny model learns from them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hef.contract import HefContext, Memory, SetupError, Turn
from hef.data.conversations import Conversation
from hef.llm import prepare_embedded
from hef.llm.engine.chat_template import Prompter
from hef.prompts import Prompts
from hef.prompts.messages import SCORE_PREFIX, draft_messages, remembered, score_messages
from hef.sem import EMPATHETIC_DIALOGUES, resolve_sem
from hef.training.adapter.adapter_loss import adapter_loss
from hef.training.adapter.adapter_recipe import AdapterRecipe
from hef.training.adapter.adapter_samples import (
    Exchange,
    TokenisedExchange,
    Tokeniser,
    all_exchanges,
    sample_exchanges,
    with_causes,
    with_memories,
)
from hef.training.adapter.adapter_training import AdapterRun
from hef.training.adapter.lora import write_adapter
from hef.training.adapter.shared_prefix import shared_prefix_length, target_logits

END = 2
RECIPE = AdapterRecipe(rank=4, first_layer=1, passes=6, batch_size=4, learning_rate=3e-2, held_out=0.2)
TALKS = [
    Conversation(
        f"{emotion}{number}",
        emotion,
        "",
        (
            Turn("speaker", said),
            Turn("listener", "Oh, what happened then?"),
            Turn("speaker", "I think of it all day."),
            Turn("listener", f"You must feel {emotion}."),
        ),
    )
    for emotion, several in {
        "sad": ("My dog died last night.", "My best friend moved away.", "Nobody came to my party.", "I miss my home."),
        "joyful": ("I got the job!", "We won the final!", "My son can walk!", "The sun is out at last!"),
    }.items()
    for number, said in enumerate(several)
]
DOG = Exchange((Turn("speaker", "My dog died last night."),), "sad", "a", "I am so sorry.", ("dog died",))


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(prepare_embedded())


@pytest.fixture
def model(tokenizer: Any) -> Any:
    """Return a tiny Llama with random weights and the embedded model's vocabulary."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    made = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), tie_word_embeddings=True, **shape))
    made.generation_config.eos_token_id = END
    return made


def run_of(folder: Path, model: Any, tokenizer: Any, recipe: AdapterRecipe = RECIPE) -> AdapterRun:
    return AdapterRun(folder, recipe, model, tokenizer, resolve_sem("lexicon"), TALKS)


def test_a_lesson_is_the_graphs_own_prompts_then_the_reply_and_the_end(tokenizer: Any) -> None:
    lesson = Tokeniser(tokenizer, END).tokenise(DOG)
    prompter, prompts, persona = Prompter(tokenizer), Prompts(), HefContext().persona
    judging = prompter.text(score_messages(prompts, DOG.turns, persona, 6000), prefix=SCORE_PREFIX)
    drafting = prompter.text(draft_messages(prompts, DOG.turns, "sad", DOG.words, (), persona, 6000))
    encoded: list[int] = tokenizer(drafting + DOG.reply, add_special_tokens=False)["input_ids"]
    assert list(lesson.ids) == [*encoded, END]
    assert tokenizer.decode(lesson.ids[: lesson.label.start]) == judging
    assert tokenizer.decode([lesson.ids[at] for at in lesson.label]) == " sad"
    assert tokenizer.decode([lesson.ids[at] for at in lesson.reply]) == "I am so sorry.<|im_end|>"


def test_a_lesson_shows_its_memories_as_the_draft_does(tokenizer: Any) -> None:
    past = Memory(id="", text="I moved away.", emotion="lonely")
    lesson = Tokeniser(tokenizer, END).tokenise(replace(DOG, memories=(past,)))
    task = draft_messages(Prompts(), DOG.turns, "sad", DOG.words, [past], HefContext().persona, 6000)[-1].text
    assert remembered(past) in task
    assert task in tokenizer.decode(lesson.ids[: lesson.reply.start])


def test_memories_are_what_the_dialogue_leaves_out_or_what_others_said() -> None:
    rows = [row for row in all_exchanges(TALKS) if len(row.turns) == 3]
    given = with_memories(rows, resolve_sem(None), 1.0, "0")
    cut = 0
    for before, after in zip(rows, given, strict=True):
        assert before.turns[-len(after.turns) :] == after.turns
        told = [turn.text for turn in before.turns[: -len(after.turns)] if turn.role == "speaker"]
        shown = [memory.text for memory in after.memories]
        own = {turn.text for turn in before.turns if turn.role == "speaker"} - {"I think of it all day."}
        assert 1 <= len(shown) <= 3
        assert own & set(shown) == set(told)
        cut += bool(told)
    assert 0 < cut < len(rows)
    assert with_memories(rows, resolve_sem(None), 1.0, "0") == given
    assert with_memories(rows, resolve_sem("lexicon"), 0.0, "0") == rows


def test_each_pass_draws_one_listener_turn_of_every_conversation_and_another_one_later() -> None:
    passes = [sample_exchanges(TALKS, 0, number) for number in range(4)]
    assert all(sorted(row.conv_id for row in rows) == sorted(talk.conv_id for talk in TALKS) for rows in passes)
    assert {len(row.turns) for rows in passes for row in rows} == {1, 3}
    assert sample_exchanges(TALKS, 0, 1) == passes[1]


def test_prompts_name_the_words_of_the_label_and_a_share_names_none() -> None:
    sem = resolve_sem("lexicon")
    rows = sample_exchanges(TALKS, 0, 0)
    named = {row.conv_id: row.words for row in with_causes([DOG, *rows], sem, 0.0, 0)}
    assert named["a"] == tuple(cause.text for cause in sem.causes([DOG.turns], ["sad"])[0])[:3] != ()
    assert not any(row.words for row in with_causes(rows, sem, 1.0, 0))


def test_reading_the_shared_beginning_once_scores_as_reading_each_lesson_alone(model: Any, tokenizer: Any) -> None:
    tokeniser = Tokeniser(tokenizer, END)
    lessons = [tokeniser.tokenise(row) for row in sample_exchanges(TALKS, 0, 0)[:3]]
    assert shared_prefix_length(lessons) > 20
    together = target_logits(model.float(), lessons)
    for number, lesson in enumerate(lessons):
        alone = model(torch.tensor([lesson.ids])).logits[0]
        places = [*lesson.label, *lesson.reply]
        expected = alone[[at - 1 for at in places]]
        torch.testing.assert_close(together.logits[together.row == number], expected, atol=0.05, rtol=0.05)
        assert together.targets[together.row == number].tolist() == [lesson.ids[at] for at in places]


def test_soft_labels_count_only_where_the_teachers_were_asked(model: Any, tokenizer: Any) -> None:
    tokeniser = Tokeniser(tokenizer, END)
    firsts = tokeniser.first_tokens(EMPATHETIC_DIALOGUES.labels)
    scores = target_logits(model, [tokeniser.tokenise(DOG), tokeniser.tokenise(DOG)])
    sure = torch.full((32,), -20.0)
    sure[EMPATHETIC_DIALOGUES.labels.index("joyful")] = 20.0
    plain = adapter_loss(scores, RECIPE, firsts, [None, None])
    assert adapter_loss(scores, RECIPE, firsts, [sure, None]) != plain
    own = scores.logits[scores.first_label[:1]][:, firsts][0]
    agreeing = adapter_loss(scores, RECIPE.model_copy(update={"teacher_weight": 1.0}), firsts, [own, own])
    reply = torch.nn.functional.cross_entropy(scores.logits[~scores.is_label], scores.targets[~scores.is_label])
    torch.testing.assert_close(agreeing, reply, atol=1e-4, rtol=1e-4)


def test_labels_that_begin_alike_are_refused(tokenizer: Any) -> None:
    with pytest.raises(SetupError, match="same token"):
        Tokeniser(tokenizer, END).first_tokens(["sad", "sad news"])


def test_a_run_lowers_the_loss_of_label_and_reply(tmp_path: Path, model: Any, tokenizer: Any) -> None:
    run = run_of(tmp_path, model, tokenizer, RECIPE.model_copy(update={"passes": 12}))
    before = run.measure()
    run.train()
    after = run.measure()
    assert after.perplexity < 0.9 * before.perplexity
    assert after.top1 > before.top1
    assert after.word_perplexity > after.perplexity


class Stop(Exception):
    """Ends a run in its midst."""


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path, model: Any, tokenizer: Any) -> None:
    import copy

    whole = run_of(tmp_path / "whole", copy.deepcopy(model), tokenizer)
    whole.train()
    parts = run_of(tmp_path / "parts", copy.deepcopy(model), tokenizer)

    def stop(progress: Any) -> None:
        if progress.step == 5:
            raise Stop

    parts.report = stop
    with pytest.raises(Stop):
        parts.train()
    checkpoint = torch.load(tmp_path / "parts" / "checkpoint.pt")
    del checkpoint["random"]  # version 0.1 stored none
    torch.save(checkpoint, tmp_path / "parts" / "checkpoint.pt")
    again = run_of(tmp_path / "parts", copy.deepcopy(model), tokenizer)
    again.train()
    expected = torch.load(tmp_path / "whole" / "adapter.pt")
    for name, weight in torch.load(tmp_path / "parts" / "adapter.pt").items():
        torch.testing.assert_close(weight, expected[name], atol=2e-3, rtol=2e-2)
    fresh = run_of(tmp_path / "whole", copy.deepcopy(model), tokenizer)
    assert fresh.finished() is not None


def test_a_run_goes_on_from_a_written_adapter(tmp_path: Path, model: Any, tokenizer: Any) -> None:
    import copy

    first = run_of(tmp_path / "first", copy.deepcopy(model), tokenizer)
    write_adapter(first.train(), tmp_path / "adapter")
    on = RECIPE.model_copy(update={"start": str(tmp_path / "adapter")})
    second = run_of(tmp_path / "second", copy.deepcopy(model), tokenizer, on)
    assert second.measure().perplexity == pytest.approx(first.measure().perplexity, rel=0.02)
    for other in ({"rank": 2}, {"scale": 1.0}):
        with pytest.raises(SetupError, match="than the recipe"):
            run_of(tmp_path / "third", copy.deepcopy(model), tokenizer, on.model_copy(update=other))
        shutil.rmtree(tmp_path / "third")


def test_a_share_of_the_samples_ends_at_the_label(tmp_path: Path, model: Any, tokenizer: Any) -> None:
    run = run_of(tmp_path, model, tokenizer, RECIPE.model_copy(update={"replies": 0.5, "passes": 20}))
    lessons = [lesson for number in range(20) for batch in run._plan_pass(number) for _, lesson in batch]
    short = [lesson for lesson in lessons if len(lesson.reply) == 0]
    assert 0.3 < len(short) / len(lessons) < 0.7
    assert all(len(lesson.ids) == lesson.label.stop for lesson in short)


def test_a_reply_weighs_the_same_however_many_samples_beside_it_have_none(model: Any, tokenizer: Any) -> None:
    lesson = Tokeniser(tokenizer, END).tokenise(DOG)
    firsts = Tokeniser(tokenizer, END).first_tokens(EMPATHETIC_DIALOGUES.labels)

    def loss(lessons: list[TokenisedExchange]) -> torch.Tensor:
        return adapter_loss(target_logits(model, lessons), RECIPE, firsts, [None] * len(lessons))

    label, whole = loss([lesson.without_reply()]), loss([lesson])
    torch.testing.assert_close(loss([lesson, lesson.without_reply()]), (label + whole) / 2, atol=1e-3, rtol=1e-3)
    assert label < whole


def test_another_recipe_in_the_same_folder_is_refused(tmp_path: Path, model: Any, tokenizer: Any) -> None:
    run_of(tmp_path, model, tokenizer)
    with pytest.raises(SetupError, match="another recipe"):
        run_of(tmp_path, model, tokenizer, RECIPE.model_copy(update={"seed": 1}))


def test_an_unfinished_run_is_named(tmp_path: Path, model: Any, tokenizer: Any) -> None:
    with pytest.raises(SetupError, match="not finished"):
        run_of(tmp_path, model, tokenizer).finished()


def test_the_adapter_file_is_in_half_precision_and_names_no_folder(tmp_path: Path, model: Any, tokenizer: Any) -> None:
    from safetensors.torch import load_file

    run = run_of(tmp_path / "run", model, tokenizer)
    write_adapter(run.model, tmp_path / "adapter")
    held = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert {weight.dtype for weight in held.values()} == {torch.float16}
    layers: Sequence[str] = sorted({name.split(".layers.")[1].split(".")[0] for name in held})
    assert layers == ["1"]
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["lora_alpha"] / config["r"] == RECIPE.scale
    assert "/" not in config["base_model_name_or_path"].removeprefix("HuggingFaceTB/")
