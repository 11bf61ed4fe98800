"""Replies side by side: who is asked what, what is kept, and what the figures come to."""

from __future__ import annotations

import json
from math import exp, log
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
from hef.contract import HefContext, ModelError, SetupError, Turn
from hef.data.json_lines import JsonLinesLog
from hef.evaluation.replies.replier import (
    ABLATED,
    COMPARED,
    Replier,
    Reply,
    ReplySample,
    collect,
    open_reply_log,
    read_reply_samples,
)
from hef.evaluation.replies.reply_metrics import ReplyMetrics, report_replies
from hef.evaluation.replies.reply_report import report_text
from hef.evaluation.replies.reply_text import bleu_estimate
from hef.sem import shipped_sem

SEM = shipped_sem()
PERSONA = "a gardener of few words"


def sample(number: int, said: str, reply: str, emotion: str = "sad") -> ReplySample:
    return ReplySample(f"own:{number}:1", (Turn("speaker", said),), emotion, f"own:{number}", reply)


SAMPLES = [
    sample(1, "My dog died last night.", "I am so sorry about your dog."),
    sample(2, "My grandmother passed away and I cannot stop crying.", "Oh no. Were you close?"),
]


def replier(model: Any) -> Replier:
    return Replier(model, SEM, HefContext(persona=PERSONA))


def made(variant: Any, texts: list[str], **rest: Any) -> list[Reply]:
    named = zip(SAMPLES, texts, strict=True)
    return [Reply(sample=held.id, variant=variant, text=text, seconds=1.0, **rest) for held, text in named]


def figures(hef: list[str], plain: list[str]) -> dict[str, ReplyMetrics]:
    rows = {
        "hef": made("hef", hef, causes=("dog",), log_likelihood=-6.0, tokens=3),
        "plain": made("plain", plain, log_likelihood=-9.0, tokens=3),
    }
    return {held.variant: held for held in report_replies(rows, SAMPLES, SEM)[0]}


def test_the_same_llm_is_asked_with_and_without_hef(scripted: Any):
    model = scripted("sad")
    collect(replier(model), SAMPLES[:1], COMPARED, JsonLinesLog(None, Reply))
    *_, draft, plain = model.prompts
    assert [(message.type, str(message.text)) for message in plain] == [
        ("system", f"You are {PERSONA}."),
        ("human", "My dog died last night."),
    ]
    assert PERSONA in str(draft[0].text)
    assert "Their words that show it: " in str(draft[0].text)
    assert str(draft[-1].text) == "My dog died last night."


def test_ablations_share_hefs_understanding_and_leave_one_part_out_of_the_prompt(scripted: Any):
    model = scripted("sad")
    kept = collect(replier(model), SAMPLES[:1], ABLATED, JsonLinesLog(None, Reply))
    whole, no_causes, no_emotion, _ = ["\n".join(str(m.text) for m in asked) for asked in model.prompts[-4:]]
    (hef,) = kept["hef"]
    words = "Their words that show it: " + ", ".join(f'"{cause}"' for cause in hef.causes)
    assert hef.causes
    feeling = f"most likely first: {hef.emotion} {hef.likely[hef.emotion]:.0%}, "
    assert feeling in whole
    assert words in whole
    assert feeling in no_causes
    assert "Their words" not in no_causes
    assert "private note" not in no_emotion
    assert "Use the note" not in no_emotion


def test_a_run_that_was_killed_goes_on_and_asks_nothing_twice(scripted: Any, tmp_path: Path):
    dying = replier(scripted("One.", RuntimeError("killed")))
    with pytest.raises(RuntimeError, match="killed"):
        collect(dying, SAMPLES, ("plain",), _run(tmp_path, "x"))

    rested = scripted("Two.")
    replies = collect(replier(rested), SAMPLES, ("plain",), _run(tmp_path, "x"))
    assert len(rested.prompts) == 1
    assert [reply.text for reply in replies["plain"]] == ["One.", "Two."]


def test_an_empty_reply_is_a_reply_to_measure_but_a_dead_llm_ends_the_run(scripted: Any):
    nowhere = JsonLinesLog(None, Reply)
    kept = collect(replier(scripted("sad", "", "", "")), SAMPLES[:1], COMPARED, nowhere)
    assert (kept["hef"][0].text, kept["plain"][0].text) == ("", "")
    assert "empty" in str(kept["hef"][0].degraded)
    rows = {"hef": kept["hef"], "plain": kept["plain"]}
    assert report_replies(rows, SAMPLES[:1], SEM)[0][0].words.value == 0  # type: ignore[arg-type]
    with pytest.raises(ModelError):
        collect(replier(scripted("sad", ValueError("gone"))), SAMPLES[:1], COMPARED, nowhere)


def test_only_the_reply_that_was_half_written_is_made_again(scripted: Any, tmp_path: Path):
    first = collect(replier(scripted("One.", "Two.")), SAMPLES, ("plain",), _run(tmp_path, "x"))
    rows = tmp_path / "replies.jsonl"
    rows.write_text(rows.read_text()[:-20], encoding="utf-8")

    again = scripted("Three.")
    second = collect(replier(again), SAMPLES, ("plain",), _run(tmp_path, "x"))
    assert len(again.prompts) == 1
    assert [reply.text for reply in second["plain"]] == [first["plain"][0].text, "Three."]
    assert len(_run(tmp_path, "x").read()) == 2


def test_a_run_of_other_settings_is_refused(tmp_path: Path):
    _run(tmp_path, "one")
    with pytest.raises(SetupError, match=r"another setting \(persona one -> two\)"):
        _run(tmp_path, "two")


def test_replies_depend_on_model_persona_and_wording(scripted: Any):
    own = replier(scripted("x")).settings
    assert own["persona"] == PERSONA
    other = Replier(scripted("x"), SEM, HefContext(persona=PERSONA), {"draft": "Reply.\n$causes $memories"}).settings
    assert {name for name in own if own[name] != other[name]} == {"wording"}


def _run(folder: Path, persona: str) -> JsonLinesLog[Reply]:
    return open_reply_log(folder, {"persona": persona})


def test_perplexity_is_that_of_all_tokens_and_of_all_words():
    found = figures(["Oh.", "No."], ["Oh.", "No."])
    assert found["hef"].perplexity is not None
    assert found["hef"].perplexity.value == pytest.approx(exp(12 / 6))
    assert found["hef"].word_perplexity is not None
    assert found["hef"].word_perplexity.value == pytest.approx(exp(12 / 12))
    assert found["hef"].gains["perplexity"].value == pytest.approx(exp((12 - 18) / 6))
    assert found["human"].perplexity is None


def test_a_model_that_cannot_score_has_no_perplexity():
    rows = {"hef": made("hef", ["a", "b"], causes=("dog",)), "plain": made("plain", ["a", "b"])}
    hef, plain, _ = report_replies(rows, SAMPLES, SEM)[0]
    assert hef.perplexity is plain.perplexity is hef.word_perplexity is None
    assert "perplexity" not in hef.gains


def test_the_human_reply_itself_is_as_near_as_can_be():
    human = [held.reply for held in SAMPLES]
    found = figures(human, ["The weather is fine.", "Prices rose by ten."])
    hef, plain = found["hef"], found["plain"]
    assert hef.similarity is not None
    assert plain.similarity is not None
    assert hef.similarity.value == pytest.approx(1.0)
    assert plain.similarity.value < 0.5
    assert hef.gains["similarity"].value == pytest.approx(1 - plain.similarity.value)
    assert hef.bleu is not None
    assert hef.bleu.value == pytest.approx(100)
    assert found["human"].similarity is found["human"].bleu is None
    assert found["human"].emotion_lift == hef.emotion_lift


def test_the_lift_is_what_the_reply_adds_to_the_reading():
    texts = ["How sad, what a loss, I am heartbroken for you.", "How sad, what a loss, I am heartbroken for you."]
    found = figures(texts, texts)["hef"]
    wanted = []
    for held, text in zip(SAMPLES, texts, strict=True):
        before, after = SEM.read([held.turns, (*held.turns, Turn("listener", text))])
        wanted.append(log(after.distribution["sad"]) - log(before.distribution["sad"]))
    assert found.emotion_lift.value == pytest.approx(sum(wanted) / 2, abs=1e-6)


def test_uptake_length_and_voice_are_means_over_replies():
    found = figures(["Your dog! Who was he? Tell me. Please.", "I cried all night."], ["As an AI, I cannot feel.", ""])
    hef, plain = found["hef"], found["plain"]
    assert (hef.uptake and hef.uptake.value, plain.uptake and plain.uptake.value) == (0.5, 0.0)
    assert hef.words.value == pytest.approx((8 + 4) / 2)
    assert hef.sentences.value == pytest.approx((4 + 1) / 2)
    assert (hef.brief.value, plain.brief.value) == (0.5, 0.5)
    assert (hef.as_person.value, hef.as_ai.value, plain.as_ai.value) == (0.5, 0.0, 0.5)
    assert hef.gains["words"].value == pytest.approx((12 - 6) / 2)


def test_bleu_is_sacrebleus():
    texts = ["I am so sorry to hear about your dog!", "That is wonderful news for you and your family."]
    references = ["I am SORRY to hear about your poor dog.", "that is wonderful, congratulations to you and yours!"]
    wanted = sacrebleu.corpus_bleu(texts, [references], lowercase=True).score
    found = bleu_estimate(texts, references, ["a", "b"])
    assert found.value == pytest.approx(wanted)
    assert found.low < found.value < found.high


def test_samples_are_the_listener_turns_that_answer_the_speaker(tmp_path: Path):
    roles = ["speaker", "listener", "listener", "speaker", "listener"]
    said = [{"role": role, "text": f"text {place}"} for place, role in enumerate(roles)]
    blank = [{"role": "speaker", "text": "hello"}, {"role": "listener", "text": " "}]
    rows = [
        {"conv_id": "a", "emotion": "sad", "utterances": said},
        {"conv_id": "b", "emotion": "sad", "utterances": blank},
    ]
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found, broken = read_reply_samples(path, ["sad"])
    assert [(held.id, len(held.turns), held.reply) for held in found] == [("a:1", 1, "text 1"), ("a:4", 4, "text 4")]
    assert broken == []


def test_the_page_shows_every_figure_and_the_replies():
    rows = {"hef": made("hef", ["Oh.", "No."], emotion="sad", causes=("dog",)), "plain": made("plain", ["Hm.", "Ah."])}
    found, context = report_replies(rows, SAMPLES, SEM)
    text = report_text(found, context, {"seed": 7}, [(SAMPLES[0], {name: held[0] for name, held in rows.items()})])
    for part in ("- seed: 7", "| perplexity, token | – | – | – |", "| distinct-1 |", "- HEF: Oh.", "- LLM alone: Hm."):
        assert part in text
