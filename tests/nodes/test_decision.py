from __future__ import annotations

from math import fsum, log

import pytest
from hef.contract import ModelError, Reading, Verdict
from hef.nodes.coarse_emotion import agrees
from hef.nodes.deciding.decision import decide, decide_by_llm, pool_rounds
from hef.sem import EMPATHETIC_DIALOGUES as TAXONOMY
from hef.sem.distribution import normalise, primary_emotions
from hypothesis import given
from hypothesis import strategies as st

LABEL = st.sampled_from(TAXONOMY.labels)
LOGS = st.fixed_dictionaries({label: st.floats(-30, 0) for label in TAXONOMY.labels})


def reading(primary: int = 3, **top: float) -> Reading:
    """Return a reading with the given probabilities; the other labels share the rest."""
    rest = (1 - fsum(top.values())) / (len(TAXONOMY.labels) - len(top))
    distribution = {label: top.get(label, rest) for label in TAXONOMY.labels}
    return Reading(distribution=distribution, primary=primary_emotions(distribution, primary))


def scores(**top: float) -> dict[str, float]:
    return {label: log(value) for label, value in reading(**top).distribution.items()}


def scored(agreed: bool, **top: float) -> Verdict:
    by_label = scores(**top)
    emotion = max(by_label, key=by_label.__getitem__)
    return Verdict(turn="t", agreed=agreed, emotion=emotion, scores=by_label, form="scored")


def named(emotion: str, agreed: bool) -> Verdict:
    return Verdict(turn="t", agreed=agreed, emotion=emotion, form="generated")


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict | None:
    kind = draw(st.sampled_from(["none", "silent", "named", "scored"]))
    agreed, emotion = draw(st.booleans()), draw(LABEL)
    if kind == "none":
        return None
    if kind == "silent":
        return Verdict(turn="t", agreed=True, emotion=draw(st.none() | LABEL), form="none")
    if kind == "named":
        return named(emotion, agreed)
    label_scores = {label: log(max(value, 1e-12)) for label, value in normalise(draw(LOGS)).items()}
    return Verdict(turn="t", agreed=agreed, emotion=emotion, scores=label_scores, form="scored")


@st.composite
def readings(draw: st.DrawFn) -> list[Reading]:
    drawn = []
    for _ in range(draw(st.integers(1, 3))):
        distribution = normalise(draw(LOGS))
        drawn.append(
            Reading(distribution=distribution, primary=primary_emotions(distribution, draw(st.integers(1, 32))))
        )
    return drawn


@given(readings(), verdicts())
def test_decision_is_a_label_and_a_distribution(given_readings: list[Reading], verdict: Verdict | None) -> None:
    for choose in (decide, decide_by_llm):
        decision = choose(given_readings, verdict, TAXONOMY)

        assert decision.emotion in TAXONOMY
        assert set(decision.distribution) == set(TAXONOMY.labels)
        assert fsum(decision.distribution.values()) == pytest.approx(1)
        assert all(0 <= value <= 1 for value in decision.distribution.values())


@given(readings(), verdicts().filter(lambda verdict: verdict is not None and verdict.form != "none" and verdict.agreed))
def test_agreed_decision_stays_among_the_primary_emotions_and_their_neighbours(
    given_readings: list[Reading], verdict: Verdict
) -> None:
    primary = given_readings[0].primary
    later = {label for one in given_readings for label in one.primary}
    later |= set(primary_emotions(pool_rounds(given_readings), len(primary)))
    near = {
        *primary,
        *(other for label in primary for other in TAXONOMY.neighbours[label]),
        *(later & {verdict.emotion}),
    }

    assert decide(given_readings, verdict, TAXONOMY).emotion in near


@given(readings(), st.none() | st.builds(Verdict, turn=st.just("t"), agreed=st.booleans(), form=st.just("none")))
def test_without_a_judgement_the_sem_decides(given_readings: list[Reading], verdict: Verdict | None) -> None:
    decision = decide(given_readings, verdict, TAXONOMY)
    sem = pool_rounds(given_readings)

    assert sem[decision.emotion] == max(sem.values())
    assert decision.distribution == pytest.approx(sem)


@given(readings(), LABEL, st.booleans())
def test_naming_an_emotion_never_makes_it_less_probable(
    given_readings: list[Reading], emotion: str, agreed: bool
) -> None:
    # With "none of these" the named emotion is one that the primary ones do not hold.
    primary = given_readings[0].primary
    if agreed or emotion not in primary:
        decision = decide(given_readings, named(emotion, agreed), TAXONOMY)

        assert decision.distribution[emotion] >= pool_rounds(given_readings)[emotion] - 1e-12


def test_vote_of_a_weak_llm_does_not_overturn_a_sure_sem() -> None:
    sure = [reading(sad=0.6, devastated=0.15, lonely=0.1)]

    assert decide(sure, named("lonely", True), TAXONOMY).emotion == "sad"
    assert decide(sure, named("proud", False), TAXONOMY).emotion == "sad"


def test_vote_decides_between_what_the_sem_finds_alike() -> None:
    torn = [reading(sad=0.3, devastated=0.28)]

    assert decide(torn, None, TAXONOMY).emotion == "sad"
    assert decide(torn, named("devastated", True), TAXONOMY).emotion == "devastated"


def test_what_became_a_primary_emotion_with_the_second_reading_can_be_decided() -> None:
    first = reading(primary=2, content=0.5, proud=0.3, disappointed=0.1)
    second = reading(primary=2, content=0.4, disappointed=0.35)
    sure = named("disappointed", True).model_copy(
        update={"likelihoods": {label: 0.9 if label == "disappointed" else 0.01 for label in TAXONOMY.labels}}
    )

    assert decide([first, second], sure.model_copy(update={"reliability": 0.9}), TAXONOMY).emotion == "disappointed"


def test_none_of_these_makes_room_for_another_category() -> None:
    torn = [reading(primary=2, sad=0.12, devastated=0.1, proud=0.09)]

    assert decide(torn, named("proud", True), TAXONOMY).emotion != "proud"  # agreed: it is out of reach
    assert decide(torn, named("proud", False), TAXONOMY).emotion == "proud"


def test_scores_weigh_little_beside_a_sure_sem_and_decide_where_it_is_torn() -> None:
    judged = scored(True, devastated=0.9)

    assert decide([reading(sad=0.7, devastated=0.1)], judged, TAXONOMY).emotion == "sad"
    assert decide([reading(sad=0.36, devastated=0.3)], judged, TAXONOMY).emotion == "devastated"


@given(readings())
def test_scores_that_say_nothing_change_nothing(given_readings: list[Reading]) -> None:
    flat = dict.fromkeys(TAXONOMY.labels, log(1 / 32))
    verdict = Verdict(turn="t", agreed=True, emotion="sad", scores=flat, form="scored")

    assert decide(given_readings, verdict, TAXONOMY).distribution == pytest.approx(pool_rounds(given_readings))


def test_primary_emotions_are_those_of_the_first_round() -> None:
    first, second = reading(primary=1, sad=0.5), reading(primary=1, proud=0.9)

    assert decide([first, second], named("sad", True), TAXONOMY).emotion == "sad"


def test_rounds_are_joined_by_their_geometric_mean() -> None:
    joined = pool_rounds([reading(sad=0.8, proud=0.1), reading(sad=0.1, proud=0.1)])

    assert joined["sad"] / joined["proud"] == pytest.approx((8 * 1) ** 0.5)


def test_second_look_counts_by_its_weight() -> None:
    first, second = reading(sad=0.8, proud=0.1), reading(sad=0.1, proud=0.1)

    joined = pool_rounds([first, second.model_copy(update={"pool_weight": 0.25})])
    unheard = pool_rounds([first, second.model_copy(update={"pool_weight": 0.0})])

    assert joined["sad"] / joined["proud"] == pytest.approx(8**0.8)
    assert unheard == pytest.approx(pool_rounds([first]))


def test_first_look_counts_whole_whatever_its_weight() -> None:
    odd = reading(sad=0.8).model_copy(update={"pool_weight": 0.0})

    assert pool_rounds([odd]) == pytest.approx(pool_rounds([reading(sad=0.8)]))


def test_without_a_reading_the_llm_decides() -> None:
    assert decide([], named("proud", True), TAXONOMY).emotion == "proud"
    assert decide([], scored(True, guilty=0.5), TAXONOMY).emotion == "guilty"
    assert fsum(decide([], named("proud", True), TAXONOMY).distribution.values()) == pytest.approx(1)


@pytest.mark.parametrize("verdict", [None, Verdict(turn="t", agreed=True)])
def test_without_reading_and_judgement_there_is_no_decision(verdict: Verdict | None) -> None:
    for choose in (decide, decide_by_llm):
        with pytest.raises(ModelError, match="neither the SEM nor the LLM"):
            choose([], verdict, TAXONOMY)


def test_one_prompt_takes_the_llms_word() -> None:
    sure = [reading(sad=0.9)]

    assert decide_by_llm(sure, named("proud", False), TAXONOMY).emotion == "proud"
    assert decide_by_llm(sure, Verdict(turn="t", agreed=True), TAXONOMY).emotion == "sad"


def judgement(emotion: str | None) -> Verdict:
    return Verdict(emotion=emotion, form="generated", model="m")


def test_llm_agrees_when_it_names_a_primary_emotion_of_any_round() -> None:
    rounds = [reading(primary=1, sad=0.9), reading(primary=1, lonely=0.9)]

    assert agrees(judgement("sad"), rounds)
    assert agrees(judgement("lonely"), rounds)
    assert not agrees(judgement("proud"), rounds)


def test_llm_that_names_nothing_or_has_nothing_to_judge_agrees() -> None:
    assert agrees(judgement(None), [reading(sad=0.9)])
    assert agrees(judgement("proud"), [])


def test_llm_agrees_with_what_the_rounds_together_find_primary() -> None:
    rounds = [reading(primary=1, sad=0.4, proud=0.38), reading(primary=1, lonely=0.4, proud=0.38)]

    assert agrees(judgement("proud"), rounds)


@pytest.mark.parametrize(("best", "agreed"), [(0.2, False), (0.07, True)])
def test_scoring_llm_disagrees_only_by_a_margin(best: float, agreed: bool) -> None:
    judged = scores(proud=best, sad=0.03)

    assert agrees(Verdict(emotion="proud", scores=judged, form="scored"), [reading(primary=1, sad=0.9)]) is agreed
