"""Replies to the same dialogues: HEF's, those of the same LLM without HEF, and HEF's with a part removed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, SystemMessage
from pydantic import BaseModel, Field

from ...contract import Dialogue, Empathy, HefContext, ModelError, PoolingWeights, SetupError, Turn
from ...contract.progress import Progress, ignore_progress
from ...contract.settings.dialogue_limit import question_limit
from ...data.conversations import Conversation, read_labelled
from ...data.json_lines import JsonLinesLog, check_settings
from ...graph import create_hef
from ...llm import ReplyScorer, draft_form, model_name
from ...prompts import ChatDraft, Overrides, Prompts, chat_draft_messages, draft_messages, newest
from ...prompts.messages import named_emotions
from ...sem import Sem
from ..batch_chat import BatchChat, UnansweredQuestion
from ..emotion.turn_record import as_messages

ReplyVariant: TypeAlias = Literal["hef", "no_causes", "no_emotion", "plain"]
COMPARED: tuple[ReplyVariant, ...] = ("hef", "plain")
ABLATED: tuple[ReplyVariant, ...] = ("hef", "no_causes", "no_emotion", "plain")
PROMPT_CAUSES = 3
"""Number of HEF's cause words that the replies are compared with: those that the prompt of the reply shows."""


@dataclass(frozen=True, slots=True)
class ReplySample:
    """One listener turn and its context."""

    id: str
    """The conversation and the turn's index in it."""
    turns: tuple[Turn, ...]
    """The dialogue context; the speaker's turn comes last."""
    emotion: str
    """The speaker's emotion."""
    conv_id: str
    """The conversation it comes from."""
    reply: str
    """The human listener's reply."""


class Reply(BaseModel, frozen=True):
    """One reply to one sample."""

    sample: str = Field(description="Id of the sample")
    variant: ReplyVariant = Field(description="Who replied")
    text: str = Field(description="The reply")
    seconds: float = Field(description="From the call to its end")
    emotion: str | None = Field(default=None, description="HEF's decision; None without HEF")
    likely: dict[str, float] = Field(
        default_factory=dict,
        description="Probability of HEF's decision and of the next emotions; empty without HEF",
    )
    causes: tuple[str, ...] = Field(default=(), description="HEF's strongest cause words")
    degraded: str | None = Field(default=None, description="What HEF omitted in this turn")
    log_likelihood: float | None = Field(
        default=None, description="ln p(human reply | the prompt of this reply) in nats; None where it is not available"
    )
    tokens: int = Field(default=0, description="Tokens of the human reply that the log-likelihood is the sum over")


def read_reply_samples(path: Path, labels: Sequence[str]) -> tuple[list[ReplySample], list[str]]:
    """Read the listener turns of a file of conversations that follow a speaker's turn and are not blank.

    Args:
        path: JSON lines, gzipped or not, in the format of EmpatheticDialogues.
        labels: The taxonomy; a conversation with another emotion is skipped.

    Returns:
        The samples in the order of the file, and one message for each row that was skipped.

    Raises:
        SetupError: The file does not exist, or has no such turn.
    """
    conversations, broken = read_labelled(path, labels)
    samples = [sample for conversation in conversations for sample in _answering_turns(conversation)]
    if not samples:
        raise SetupError(f"{path} holds no listener turn that answers a speaker's turn")
    return samples, broken


def _answering_turns(source: Conversation) -> list[ReplySample]:
    pairs = enumerate(zip(source.turns, source.turns[1:], strict=False), start=1)
    return [
        ReplySample(f"{source.conv_id}:{index}", source.turns[:index], source.emotion, source.conv_id, turn.text)
        for index, (before, turn) in pairs
        if turn.role == "listener" and before.role == "speaker" and turn.text.strip() and before.text.strip()
    ]


class Replier:
    """Replies to a sample in each variant, with one LLM, one persona and one way of decoding.

    Args:
        model: The LLM with its decoding settings.
        sem: The SEM.
        settings: Settings of HEF; memory is not used.
        prompts: Templates that replace shipped ones, as `create_hef` takes them.
        fit: How SEM and LLM are joined, as `create_hef` takes it.
    """

    def __init__(
        self,
        model: BaseChatModel,
        sem: Sem,
        settings: HefContext,
        prompts: Overrides | None = None,
        fit: Path | None = None,
    ) -> None:
        is_batch = isinstance(model, BatchChat)
        self._model = model
        self._sem = sem
        # A folder is asked what a reply needs, not also what it might.
        self._settings = settings.model_copy(update={"early_reply": False}) if is_batch else settings
        # The model's replies are measured: in danger HEF answers with a text of its own.
        self._hef = create_hef(model=model, sem=sem, prompts=prompts, fit=fit, safety=None).compile()
        self._fit = PoolingWeights.from_file(fit) if fit else None
        self._prompts = Prompts(prompts)

    @property
    def settings(self) -> dict[str, Any]:
        """What the replies depend on besides the samples: LLM, decoding, SEM, fit, settings, the prompts' wording."""
        turns = [Turn("speaker", "?")]
        messages = [*self._draft(turns, "sad", {"sad": 1.0}, ("?",)), *self._plain(turns)]
        wording = [str(message.text) for message in messages]
        return {
            "model": model_name(self._model),
            "decoding": dict(self._model._identifying_params),
            "sem": self._sem.description.name,
            "fit": self._fit.model_dump(mode="json") if self._fit else None,
            **self._settings.model_dump(include={"strategy", "primary", "max_requeries", "persona"}),
            "dialogue_limit": question_limit(self._settings.dialogue_limit),
            "wording": hashlib.sha256("\0".join(wording).encode()).hexdigest()[:16],
        }

    def reply(self, sample: ReplySample, variant: ReplyVariant, hef: Reply | None = None) -> Reply:
        """Return one reply; the ablated variants share emotion and causes of `hef`, HEF's own reply to the sample.

        Raises:
            ModelError: The LLM failed.
        """
        prompt = _DraftPrompt()
        empathy: Empathy | None = None
        started = time.perf_counter()
        if variant == "hef":
            text, empathy = self._run_hef(sample, prompt)
        else:
            prompt.messages = self._plain(sample.turns) if variant == "plain" else self._ablated(sample, variant, hef)
            started = time.perf_counter()
            text = str(self._model.invoke(prompt.messages).text)
        seconds = time.perf_counter() - started
        likelihood, tokens = self._likelihood(prompt.messages, sample.reply)
        return Reply(
            sample=sample.id,
            variant=variant,
            text=text,
            seconds=seconds,
            emotion=empathy.emotion if empathy else None,
            likely=_likely(empathy) if empathy else {},
            causes=tuple(cause.text for cause in empathy.causes[:PROMPT_CAUSES]) if empathy else (),
            degraded=empathy.degraded if empathy else None,
            log_likelihood=likelihood,
            tokens=tokens,
        )

    def _run_hef(self, sample: ReplySample, prompt: BaseCallbackHandler) -> tuple[str, Empathy]:
        """Return HEF's reply and result; the reply is blank where the LLM wrote none, as it may be without HEF."""
        messages = {"messages": as_messages(sample.turns)}
        try:
            out = self._hef.invoke(messages, context=self._settings, config={"callbacks": [prompt]})
        except ModelError as error:
            if error.empathy is None or error.__context__ is not None:  # the LLM's own error
                raise
            return "", error.empathy
        return str(out["messages"][-1].text), out["empathy"]

    def _plain(self, turns: Dialogue) -> list[BaseMessage]:
        """Return the same conversation for the LLM alone: persona and turns."""
        return [SystemMessage(f"You are {self._settings.persona}."), *as_messages(turns)]

    def _ablated(self, sample: ReplySample, variant: ReplyVariant, hef: Reply | None) -> list[BaseMessage]:
        if hef is None:
            raise ValueError(f"{variant} needs HEF's own reply to {sample.id}, whose emotion and causes it shares")
        return self._draft(
            sample.turns,
            None if variant == "no_emotion" else hef.emotion,
            hef.likely,
            () if variant == "no_causes" else hef.causes,
        )

    def _draft(
        self, turns: Dialogue, emotion: str | None, distribution: Mapping[str, float], causes: Sequence[str]
    ) -> list[BaseMessage]:
        """Return the prompt of a reply as the graph makes it for this LLM."""
        persona, limit = self._settings.persona, question_limit(self._settings.dialogue_limit)
        if draft_form(self._model) == "transcript":
            return draft_messages(self._prompts, turns, emotion, causes, (), persona, limit, distribution)
        shown, _ = newest(turns, limit)
        draft = ChatDraft(
            conversation=as_messages(shown),
            turns=shown,
            emotion=emotion,
            distribution=distribution,
            causes=causes,
            persona=persona,
            limit=limit,
        )
        return chat_draft_messages(self._prompts, draft)

    def _likelihood(self, messages: Sequence[BaseMessage], reply: str) -> tuple[float | None, int]:
        if not messages or not isinstance(self._model, ReplyScorer):
            return None, 0
        return self._model.log_likelihood(messages, reply)


def _likely(empathy: Empathy) -> dict[str, float]:
    """Return the decided emotion and the most probable others that a prompt names, with their probabilities."""
    labels = named_emotions(empathy.emotion, empathy.distribution)
    return {label: empathy.distribution[label] for label in labels if label in empathy.distribution}


class _DraftPrompt(BaseCallbackHandler):
    """Captures the prompt of the reply in a turn of the graph."""

    def __init__(self) -> None:
        self.messages: list[BaseMessage] = []

    def on_chat_model_start(self, serialized: Any, messages: list[list[BaseMessage]], **kwargs: Any) -> None:
        """Store the messages of a call from the node `draft_response`."""
        if (kwargs.get("metadata") or {}).get("langgraph_node") == "draft_response":
            self.messages = messages[0]


def open_reply_log(folder: Path | None, settings: Mapping[str, Any]) -> JsonLinesLog[Reply]:
    """Return the log of replies in the folder of a run, which is created; without a folder it stores nothing.

    Raises:
        SetupError: The folder has replies that were made with other settings.
    """
    log = JsonLinesLog(folder / "replies.jsonl" if folder else None, Reply)
    if folder:
        check_settings(folder / "run.json", settings, name="setting", advice="give another --run folder")
    return log


def collect(
    replier: Replier,
    samples: Sequence[ReplySample],
    variants: Sequence[ReplyVariant],
    log: JsonLinesLog[Reply],
    progress: Progress = ignore_progress,
) -> dict[ReplyVariant, list[Reply]]:
    """Return all replies, [variant][sample]; those in the log are not generated again.

    Raises:
        UnansweredQuestion: The LLM is answered in rounds, and some question has no answer; all are asked by then.
    """
    replies = {(reply.sample, reply.variant): reply for reply in log.read()}
    pairs: list[tuple[ReplySample, ReplyVariant]] = [(sample, variant) for sample in samples for variant in variants]
    unanswered: UnansweredQuestion | None = None
    for done, (sample, variant) in enumerate(pairs, start=1):
        hef = replies.get((sample.id, "hef"))
        if (sample.id, variant) not in replies and (hef or variant in COMPARED):
            try:
                reply = replier.reply(sample, variant, hef)
            except UnansweredQuestion as error:
                unanswered = error
                continue
            replies[sample.id, variant] = reply
            log.append([reply])
        progress("replies", done, len(pairs))
    if unanswered:
        raise unanswered
    return {variant: [replies[sample.id, variant] for sample in samples] for variant in variants}
