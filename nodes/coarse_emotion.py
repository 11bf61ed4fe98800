"""Node `coarse_emotion`: reads `messages`, `readings` and `verdict`, writes `verdict`, and `safety` where pending.

In danger it writes `empathy` and `memories`, too, as the node `safety` does.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from math import log
from typing import Any

from langchain_core.runnables import Runnable
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from ..contract import HefState, Reading, SetupError, Verdict
from ..contract.chat_model import ChatModel, written_languages
from ..contract.errors import error_text
from ..sem.distribution import primary_emotions
from .calling.llm_calls import LlmCalls, TransientError, fault_or_raise, llm_node
from .checking.danger_watch import DangerWatch
from .checking.pending_look import PendingLook
from .deciding.decision import pool_rounds
from .deciding.llm_reliability import TRUSTED_FROM
from .drafting.early_replies import EarlyReplies
from .drafting.early_reply import EarlyReply
from .judging.judge import Judge
from .support.events import emit
from .support.explanations import explain_verdict
from .support.node_record import record_suppressed_error
from .support.turn_view import TurnView, Update, turn_view

MARGIN = 3.0
"""Minimum likelihood ratio between a scoring LLM's own label and the best primary emotion from which it disagrees."""
_NAME = "coarse_emotion"
_NOTHING_READ = dict.fromkeys(("sem_emotion", "coarse_emotion", "fine_emotion", "confirm_emotion"), "")
_NOT_EMITTED = {"turn", "requeries", "words", "scores", "answer", "likelihoods"}


def coarse_emotion_node(
    model: ChatModel, judge: Judge, watch: DangerWatch, replies: EarlyReplies | None = None
) -> Runnable[HefState, Update]:
    """Return the node in which the LLM weighs the primary emotions.

    It may begin its reply meanwhile. Where the check of danger has a part that asks an LLM, that is asked
    meanwhile: the node then also writes `safety`. In danger judgement and reply are given up.
    """

    async def coarse_emotion(state: HefState, runtime: Runtime[Any], calls: LlmCalls) -> Update:
        """Judge whether the emotion is among the primary ones."""
        turn = turn_view(state, runtime)
        if turn.safety.level == "danger":  # as a person said who edited the state
            update, faults = await watch.tell(turn.safety, turn, runtime, calls)
            explanations = {**_NOTHING_READ, **update["explanations"]}
            return {**update, "explanations": explanations, "faults": {"safety": "; ".join(faults)}}
        look = PendingLook(watch, turn, calls)
        judgement, fault, reply = _known_judgement(turn), "", None
        try:
            if judgement is None:
                llm = await calls.model_for_run(model, turn.settings)
                judgement, fault, reply = await _judge(judge, calls, llm, turn, replies, look)
            else:
                if turn.disputed_verdict:  # what failed in the round whose judgement stands is told still
                    fault = (state.get("faults") or {}).get(_NAME, "")
                await look.look()
        except Exception as error:
            await look.look()
            if not look.is_danger:
                fault = await _fault_or_raise(error, runtime, look)
        if replies and reply is None and turn.disputed_verdict:  # that of the round before
            reply = replies.take(state.get("verdict"))
        if look.is_danger:
            update = await look.tell(runtime, {"explanations": _NOTHING_READ, "faults": {}})
            await _discard(reply)
            return update
        update = _update(turn, runtime, judgement, fault)
        if replies and reply:
            replies.keep(reply, update["verdict"])
        return await look.tell(runtime, update)

    return llm_node(coarse_emotion)


async def _fault_or_raise(error: Exception, runtime: Runtime[Any], look: PendingLook) -> str:
    """Return the fault of a judgement that failed; where it ends the turn, what was found of danger is told before."""
    try:
        return fault_or_raise(error, runtime, "judge the emotion")
    except TransientError:
        raise
    except Exception:
        await look.tell(runtime, {"explanations": {}, "faults": {}})
        raise


async def _discard(reply: EarlyReply | None) -> None:
    """Give up a reply for somebody in danger; a callback of the host that raises takes nothing from them."""
    try:
        if reply:
            await reply.discard()
    except GraphBubbleUp:
        raise
    except Exception as error:
        record_suppressed_error(error)


async def _judge(
    judge: Judge,
    calls: LlmCalls,
    llm: ChatModel,
    turn: TurnView,
    replies: EarlyReplies | None,
    look: PendingLook,
) -> tuple[Verdict | None, str, EarlyReply | None]:
    """Return the LLM's judgement, or that of a sure SEM, what failed before it was given, and the reply that follows.

    Of a person in danger there is no judgement.
    """
    is_requery, is_read = turn.disputed_verdict is not None, _reads(llm, turn)
    is_felt = not (turn.readings and turn.readings[0].is_neutral)

    async def work(reply: EarlyReply | None) -> tuple[Verdict | None, str]:
        if not is_requery and not (is_read and judge.is_needed(llm, turn.readings, turn.settings)):
            return judge.leave_to_sem(turn.readings), ""
        if reply and is_felt:
            return await judge.judge_by_line(calls, llm, turn)
        return await judge.judge_by(calls, llm, turn.dialogue, turn.readings, turn.settings, is_requery=is_requery)

    async def work_beside(reply: EarlyReply | None) -> tuple[Verdict | None, str]:
        """Judge; a failure is told, and not tried again, as the reply in the making would be lost."""
        try:
            return await work(reply)
        except Exception as error:
            if isinstance(error, GraphBubbleUp | SetupError):
                raise
            record_suppressed_error(error)
            return None, f"the LLM could not judge the emotion: {error_text(error)}"

    async with replies.beside(calls, llm, turn) if replies and is_read else nullcontext() as reply:
        judged = await look.beside(partial(work_beside if reply else work, reply))
    verdict, fault = judged or (None, "")
    return verdict, fault, reply


def _reads(llm: ChatModel, turn: TurnView) -> bool:
    """Return whether the LLM reads the turn, or has to since the SEM does not."""
    is_read_by_sem = turn.settings.strategy == "two_stage" and bool(turn.readings)
    return not (is_read_by_sem and turn.unread_language(written_languages(llm)))


def _known_judgement(turn: TurnView) -> Verdict | None:
    """Return a judgement that needs no LLM call: none is wanted, or that of an earlier round stands.

    Scores are of all labels. So is an answer in words to the open question, and where it was a reliable LLM's, the
    evidence of the SEM's second reading is joined with it without asking again.
    """
    if turn.settings.strategy == "sem_only":
        return Verdict()
    disputed = turn.disputed_verdict
    if disputed is None or disputed.emotion is None:
        return None
    was_open = disputed.form == "generated" and turn.settings.first_question == "open"
    is_final = was_open and (disputed.reliability or 0.0) >= TRUSTED_FROM
    return disputed if disputed.scores is not None or is_final else None


def _update(turn: TurnView, runtime: Runtime[Any], judgement: Verdict | None, fault: str) -> Update:
    """Return the verdict of this round: the judgement, compared with the primary emotions."""
    judged = judgement or Verdict()
    if judged.model and judged.emotion is None and not judged.neutral:
        fault = "; ".join(filter(None, [fault, "the LLM named no emotion of the set: the SEM decided"]))
    agreed = agrees(judged, turn.readings)
    compared: dict[str, Any] = {
        "turn": turn.key,
        "agreed": agreed,
        "emotion": _named_emotion(judged, turn.readings if agreed and turn.settings.strategy == "two_stage" else []),
        "form": judged.form if judged.model and judged.emotion else "none",
        "requeries": turn.disputed_verdict.requeries + 1 if turn.disputed_verdict else 0,
    }
    verdict = judged.model_copy(update=compared)
    emit(runtime, "verdict", verdict.requeries, **verdict.model_dump(exclude=_NOT_EMITTED))
    explanation = explain_verdict(verdict) if judgement else ""
    return {
        "verdict": verdict,
        "explanations": {"coarse_emotion": explanation},
        "faults": {"coarse_emotion": fault},
    }


def _named_emotion(judgement: Verdict, readings: list[Reading]) -> str | None:
    """Return what the LLM names: among the readings' primary emotions, where it scored them."""
    primary = [label for reading in readings for label in reading.primary]
    scores = judgement.scores
    if scores is None or not primary:
        return judgement.emotion
    return max(primary, key=lambda label: scores[label])


def agrees(judgement: Verdict, readings: list[Reading]) -> bool:
    """Return whether a judgement supports one of the primary emotions of any round."""
    primary = {label for reading in readings for label in reading.primary}
    if not primary or judgement.emotion is None or judgement.emotion in primary:
        return True
    if judgement.emotion in primary_emotions(pool_rounds(readings), len(readings[0].primary)):
        return True
    if judgement.scores is None:
        return False
    best_primary = max(judgement.scores[label] for label in primary)
    return judgement.scores[judgement.emotion] - best_primary < log(MARGIN)
