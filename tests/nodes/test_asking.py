"""When an LLM that judges in words is asked, what it is asked first, and what is learned from its answers."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hef.contract import Cause, HefContext, PoolingWeights, Reading, SetupError, Turn, Verdict
from hef.graph import create_hef
from hef.graph.build import create_emotion_graph
from hef.llm import model_name
from hef.nodes.deciding.decision import decide
from hef.nodes.deciding.fit_registry import FitRegistry
from hef.nodes.judging.judge import Judge
from hef.prompts import Prompts
from hef.sem import EMPATHETIC_DIALOGUES as TAXONOMY
from hef.sem import SemDescription, Taxonomy
from hef.sem.distribution import primary_emotions
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from scripted_chat import ScriptedChat

SAID = {"messages": [HumanMessage("My dog died.")]}
CONFIG: Any = {"configurable": {"thread_id": "t"}}
ALL_LABELS, COARSE = "exactly one word out of: afraid, angry", "most likely for the speaker: sad"


def probabilities(first: float, label: str = "sad", taxonomy: Taxonomy = TAXONOMY) -> dict[str, float]:
    rest = (1 - first) / (len(taxonomy.labels) - 1)
    return {each: first if each == label else rest for each in taxonomy.labels}


class FixedSem:
    """A SEM that always finds one emotion, with one probability."""

    def __init__(self, first: float, taxonomy: Taxonomy = TAXONOMY) -> None:
        self.description = SemDescription("fixed", taxonomy)
        self.readings = 0
        self.fails_from = 1000
        self._distribution = probabilities(first, "sad", taxonomy)

    def read(self, dialogues: Any, *, views: Any = None) -> list[Reading]:
        self.readings += 1
        if self.readings >= self.fails_from:
            raise RuntimeError("out of memory")
        return [Reading(distribution=self._distribution, sem="fixed") for _ in dialogues]

    def causes(self, dialogues: Any, emotions: Any) -> list[tuple[Cause, ...]]:
        return [() for _ in dialogues]


class Scoring(FakeListChatModel):
    """A chat model that scores one label far above all others, and counts how often."""

    responses: list[str] = ["never asked"]  # noqa: RUF012
    asked: list[Any] = []  # noqa: RUF012

    def score_choices(self, messages: Any, choices: Any, **named: Any) -> dict[str, float]:
        self.asked.append(messages)
        return {choice: 0.0 if choice == "sad" else -5.0 for choice in choices}

    async def ascore_choices(self, messages: Any, choices: Any, **named: Any) -> dict[str, float]:
        return self.score_choices(messages, choices)


def asked(first: float, *, fit: PoolingWeights | None = None, **settings: Any) -> int:
    """Return how often an LLM is asked that agrees with a SEM whose first choice has a probability."""
    model = ScriptedChat(script=["sad"])
    hef = create_emotion_graph(model=model, sem=FixedSem(first), fit=fit).compile()
    assert hef.invoke(SAID, context=HefContext(**settings))["empathy"].emotion == "sad"
    return len(model.prompts)


def own_fit(ask_below: float | None) -> PoolingWeights:
    return PoolingWeights(sem="fixed", model="scripted", form="generated", llm_weight=0.5, ask_below=ask_below)


@pytest.mark.parametrize(("first", "calls"), [(0.5, 1), (0.69, 1), (0.7, 0), (0.95, 0)])
def test_the_llm_is_asked_below_the_threshold_alone(first: float, calls: int) -> None:
    assert asked(first) == calls


@pytest.mark.parametrize(
    ("ask_below", "first", "calls"), [(0.0, 0.05, 0), (0.3, 0.29, 1), (0.3, 0.3, 0), (None, 0.99, 1), (1.0, 0.99, 1)]
)
def test_a_fit_says_below_what_the_llm_is_asked(ask_below: float | None, first: float, calls: int) -> None:
    assert asked(first, fit=own_fit(ask_below)) == calls


@pytest.mark.parametrize("fit", [None, own_fit(0.0)])
def test_the_llm_is_asked_always_where_the_settings_say_so(fit: PoolingWeights | None) -> None:
    assert asked(0.99, fit=fit, ask="always") == 1


@pytest.mark.parametrize(("strategy", "calls"), [("one_prompt", 1), ("llm_only", 1), ("sem_only", 0)])
def test_other_strategies_ask_whatever_the_sem_finds(strategy: Any, calls: int) -> None:
    assert asked(0.99, strategy=strategy) == calls


@pytest.mark.parametrize(("ask_below", "calls"), [(None, 1), (0.9, 0)])
def test_an_llm_that_scores_is_asked_always_unless_its_fit_says_otherwise(ask_below: float | None, calls: int) -> None:
    model = Scoring(asked=[])
    fit = PoolingWeights(sem="fixed", model=model_name(model), form="scored", ask_below=ask_below)

    for weights in [fit, None] if ask_below is None else [fit]:
        model.asked.clear()
        create_emotion_graph(model=model, sem=FixedSem(0.99), fit=weights).compile().invoke(SAID)
        assert len(model.asked) == calls


@pytest.mark.parametrize(("text", "calls"), [("我的狗昨晚死了。", 0), ("My dog died.", 1)])
def test_an_llm_is_not_asked_about_a_language_that_it_does_not_write_and_the_sem_reads(text: str, calls: int) -> None:
    class English(Scoring):
        written_languages: tuple[str, ...] = ("en",)

    sem, model = FixedSem(0.4), English(asked=[])
    sem.description = SemDescription("fixed", TAXONOMY, languages=("en", "zh"))
    out = create_emotion_graph(model=model, sem=sem).compile().invoke({"messages": [HumanMessage(text)]})

    assert len(model.asked) == calls
    assert (out["empathy"].emotion, out["empathy"].degraded) == ("sad", None)


def test_a_turn_without_the_llm_says_so_and_is_not_degraded(scripted: Any, tmp_path: Path) -> None:
    model = scripted("I am sorry.")
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        hef: Any = create_hef(model=model, sem=FixedSem(0.9)).compile(checkpointer=saver)
        out = hef.invoke(SAID, CONFIG)
        values = hef.get_state(CONFIG).values

    assert values["explanations"]["coarse_emotion"] == (
        "the LLM was not asked: the SEM is sure, or reads a language that the LLM does not"
    )
    assert (values["verdict"].left_to_sem, values["verdict"].form, values["verdict"].model) == (True, "none", None)
    assert (out["empathy"].agreed, out["empathy"].hypothesis, out["empathy"].degraded) == (True, None, None)
    assert out["empathy"].distribution == pytest.approx(probabilities(0.9))
    assert out["messages"][-1].text == "I am sorry."


def test_an_unknown_llm_is_refused_also_where_it_would_not_be_asked(scripted: Any) -> None:
    hef = create_emotion_graph(model=scripted("sad"), sem=FixedSem(0.9)).compile()

    with pytest.raises(SetupError):
        hef.invoke(SAID, context=HefContext(model="nobody:nothing"))


def questions(script: list[Any], **settings: Any) -> list[str]:
    """Return the questions of a turn with a SEM that is unsure between sad and others."""
    model = ScriptedChat(script=script)
    create_emotion_graph(model=model, sem=FixedSem(0.5)).compile().invoke(SAID, context=HefContext(**settings))
    return [messages[-1].text for messages in model.prompts]


@pytest.mark.parametrize(("first_question", "part"), [("open", ALL_LABELS), ("primary", COARSE)])
def test_the_first_question_is_the_one_that_the_settings_say(first_question: Any, part: str) -> None:
    (question,) = questions(["sad"], first_question=first_question)

    assert [text in question for text in (ALL_LABELS, COARSE)] == [part == ALL_LABELS, part == COARSE]


@pytest.mark.parametrize(("first_question", "part"), [("open", ALL_LABELS), ("primary", COARSE)])
def test_after_the_requery_the_primary_emotions_are_put_with_the_evidence(first_question: Any, part: str) -> None:
    first, *later = questions(["trusting"], first_question=first_question, max_requeries=2)

    assert part in first
    assert "Before, you thought of" not in first
    assert len(later) == 2
    assert all(COARSE in question and "Before, you thought of trusting" in question for question in later)


def test_a_requery_in_which_the_sem_fails_asks_about_the_primary_emotions_and_learns_nothing() -> None:
    model, sem = ScriptedChat(script=["trusting"]), FixedSem(0.5)
    sem.fails_from = 2
    hef = create_emotion_graph(model=model, sem=sem).compile()

    verdicts = [step["coarse_emotion"]["verdict"] for step in hef.stream(SAID) if "coarse_emotion" in step]

    assert [COARSE in messages[-1].text for messages in model.prompts] == [False, True]
    sem.fails_from = 1000
    third = next(step["coarse_emotion"]["verdict"] for step in hef.stream(SAID) if "coarse_emotion" in step)
    assert verdicts[1].reliability == third.reliability


def test_a_run_in_words_by_one_prompt_and_alone_asks_as_its_strategy_says() -> None:
    (hinted,), (alone,) = (questions(["sad"], strategy=strategy) for strategy in ("one_prompt", "llm_only"))

    assert "More likely are: sad, " in hinted
    assert ALL_LABELS in alone
    assert "More likely" not in alone


def judge_of(taxonomy: Taxonomy = TAXONOMY) -> Judge:
    return Judge(Prompts(), taxonomy, FitRegistry("fixed"))


def reading_of(first: float = 0.6, label: str = "sad") -> Reading:
    shares = probabilities(first, label)
    return Reading(distribution=shares, sem="fixed", primary=primary_emotions(shares, 5))


class NamedChat(ScriptedChat):
    """A scripted chat model with a name."""

    model_name: str


def judged(judge: Judge, model: Any, readings: list[Reading]) -> Verdict:
    return judge.judge(model, [Turn("speaker", "My dog died.")], readings, HefContext())


def test_a_judge_learns_once_a_turn_and_not_from_the_answer_after_a_requery() -> None:
    judge, model, reading = judge_of(), ScriptedChat(script=["sad"]), reading_of()

    first = judged(judge, model, [reading])
    later = [judged(judge, model, [reading, reading]) for _ in range(3)]
    next_turn = judged(judge, model, [reading])

    assert first.reliability == 0.5
    assert later[0].reliability != 0.5
    assert {verdict.reliability for verdict in later} == {next_turn.reliability}
    assert later[0].likelihoods == later[-1].likelihoods
    assert judged(judge, model, [reading]).reliability != next_turn.reliability


def test_each_llm_has_its_own_reliability() -> None:
    judge = judge_of()
    reader, parrot = (
        NamedChat(script=[*TAXONOMY.labels], model_name="reader"),
        NamedChat(script=["sad"], model_name="p"),
    )
    for label in TAXONOMY.labels:
        judged(judge, reader, [reading_of(0.6, label)])
        judged(judge, parrot, [reading_of(0.6, label)])

    reliable, unreliable = (judged(judge, model, [reading_of()]).reliability for model in (reader, parrot))

    assert reliable is not None
    assert unreliable is not None
    assert reliable > 0.8
    assert unreliable < 0.2


def test_an_answer_is_weighed_by_what_was_known_before_it() -> None:
    verdict = judged(judge_of(), ScriptedChat(script=["sad"]), [reading_of()])

    assert (verdict.answer, verdict.emotion, verdict.reliability) == ("sad", "sad", 0.5)
    assert verdict.likelihoods is not None
    assert tuple(verdict.likelihoods) == TAXONOMY.labels
    assert max(verdict.likelihoods, key=verdict.likelihoods.__getitem__) == "sad"


@pytest.mark.parametrize(("script", "readings", "answer"), [(["sad"], [], "sad"), (["Hm."], [reading_of()], None)])
def test_without_a_reading_or_a_label_nothing_is_weighed(
    script: list[str], readings: list[Reading], answer: str | None
) -> None:
    verdict = judged(judge_of(), ScriptedChat(script=script), readings)

    assert (verdict.answer, verdict.likelihoods, verdict.reliability) == (answer, None, None)


def test_a_judge_is_asked_from_many_threads() -> None:
    judge, model = judge_of(), ScriptedChat(script=["sad"])
    readings = [reading_of(0.6, label) for label in TAXONOMY.labels]
    faults: list[BaseException] = []

    def ask() -> None:
        try:
            for reading in readings:
                verdict = judged(judge, model, [reading])
                assert verdict.likelihoods is not None
                assert all(0 < value <= 1 for value in verdict.likelihoods.values())
        except BaseException as fault:
            faults.append(fault)

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    one = judge_of()
    for _ in range(8):
        for reading in readings:
            judged(one, model, [reading])
    last, alone = (judged(each, model, [reading_of()]).reliability for each in (judge, one))
    assert last == pytest.approx(alone, abs=0.02)


def test_labels_of_another_taxonomy_are_weighed_without_neighbours() -> None:
    moods = Taxonomy("moods", ("sad", "calm", "merry"))
    model = ScriptedChat(script=["merry", "calm"])
    hef = create_emotion_graph(model=model, sem=FixedSem(0.5, moods)).compile()

    empathies = [hef.invoke(SAID, context=HefContext(primary=1, max_requeries=0))["empathy"] for _ in range(6)]

    assert {empathy.hypothesis for empathy in empathies} == {"merry", "calm"}
    assert all(sum(empathy.distribution.values()) == pytest.approx(1) for empathy in empathies)
    assert all(set(empathy.distribution) == set(moods.labels) for empathy in empathies)


@pytest.fixture
def edited_thread(tmp_path: Path) -> Any:
    """Return a maker of a thread whose LLM named proud, and of a run from its verdict after an edit."""
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        model = ScriptedChat(script=["proud", "proud", "Well done!"])
        hef: Any = create_hef(model=model, sem=FixedSem(0.5)).compile(checkpointer=saver)
        hef.invoke(SAID, CONFIG)
        point = next(snapshot for snapshot in hef.get_state_history(CONFIG) if "fine_emotion" in snapshot.next)

        def decided(**edit: Any) -> Any:
            verdict = point.values["verdict"]
            edited = {**verdict.model_dump(mode="json"), **edit}
            forked = hef.update_state(point.config, {"verdict": edited}, as_node="coarse_emotion")
            return verdict, hef.invoke(None, forked)["empathy"]

        yield decided


def test_a_verdict_with_likelihoods_goes_through_checkpoints(edited_thread: Any) -> None:
    verdict, empathy = edited_thread()

    assert isinstance(verdict, Verdict)
    assert (verdict.answer, verdict.emotion) == ("proud", "proud")
    assert verdict.likelihoods is not None
    assert set(verdict.likelihoods) == set(TAXONOMY.labels)
    expected = decide([reading_of(0.5)] * 2, verdict, TAXONOMY)
    assert empathy.distribution == pytest.approx(expected.distribution)


def test_an_emotion_that_a_person_put_into_the_verdict_is_not_weighed_by_the_old_answer(edited_thread: Any) -> None:
    _, empathy = edited_thread(emotion="angry")
    plain = Verdict(emotion="angry", agreed=False, form="generated", model="scripted")

    assert empathy.hypothesis == "angry"
    expected = decide([reading_of(0.5)] * 2, plain, TAXONOMY)
    assert empathy.distribution == pytest.approx(expected.distribution)
    assert empathy.distribution["angry"] > empathy.distribution["proud"]


def test_a_verdict_of_version_0_1_decides_as_it_did(edited_thread: Any) -> None:
    old = {"answer": None, "likelihoods": None, "reliability": None}

    _, empathy = edited_thread(**old)

    odds = empathy.distribution["proud"] / empathy.distribution["trusting"]
    assert odds == pytest.approx(2)  # the vote; neither is a primary emotion


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"likelihoods": {"gloomy": 0.1}}, "emotion 'gloomy'"),
        ({"answer": "gloomy"}, "emotion 'gloomy'"),
        ({"likelihoods": {"sad": 0.1}}, "likelihoods of `verdict` has no number for afraid"),
        ({"likelihoods": dict.fromkeys(TAXONOMY.labels, -1.0)}, "likelihoods of `verdict` is not a distribution"),
    ],
)
def test_likelihoods_are_held_to_the_labels(edit: dict[str, Any], said: str, edited_thread: Any) -> None:
    with pytest.raises(SetupError, match=said):
        edited_thread(**edit)
