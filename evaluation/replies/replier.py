"""Replies to the same turns: HEF's, the same LLM's without HEF, and HEF's with a part left out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, SystemMessage
from pydantic import BaseModel, ConfigDict, Field

from ...contract import Dialogue, Empathy, HefContext, ModelError, PoolingWeights, Turn
from ...graph import create_hef
from ...llm import ReplyScorer, model_name
from ...prompts import Overrides, Prompts, draft_messages
from ...sem import Sem
from ..emotion.turn_record import as_messages
from .reply_run import ReplyRun
from .reply_samples import ReplySample

Variant: TypeAlias = Literal["hef", "no_causes", "no_emotion", "plain"]
Report: TypeAlias = Callable[[int, int], None]
COMPARED: tuple[Variant, ...] = ("hef", "plain")
ABLATED: tuple[Variant, ...] = ("hef", "no_causes", "no_emotion", "plain")
SHOWN = 3
"""How many of HEF's cause words the replies are compared with: those that the prompt of the reply shows."""


class Reply(BaseModel):
    """One reply to one sample."""

    model_config = ConfigDict(frozen=True)

    sample: str = Field(description="Id of the sample")
    variant: Variant = Field(description="Who replied")
    text: str = Field(description="The reply")
    seconds: float = Field(description="From the call to its end")
    emotion: str | None = Field(default=None, description="What HEF decided; None without HEF")
    causes: tuple[str, ...] = Field(default=(), description="HEF's strongest cause words")
    degraded: str | None = Field(default=None, description="What HEF left out of this turn")
    log_likelihood: float | None = Field(
        default=None, description="ln p(human reply | the prompt of this reply) in nats; None where it cannot be had"
    )
    tokens: int = Field(default=0, description="Tokens of the human reply that the log-likelihood is the sum over")


class Replier:
    """Replies to a sample in each variant, with one LLM, one persona and one way of decoding.

    Args:
        model: The LLM; its own settings say how it decodes.
        sem: The SEM.
        settings: Of HEF; no memory takes part.
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
        self._model = model
        self._sem = sem
        self._settings = settings
        self._hef = create_hef(model=model, sem=sem, prompts=prompts, fit=fit).compile()
        self._fit = PoolingWeights.from_file(fit) if fit else None
        self._prompts = Prompts(prompts)

    @property
    def settings(self) -> dict[str, Any]:
        """What the replies depend on besides the samples: LLM, decoding, SEM, fit, settings, the prompts' wording."""
        probe = (self._prompts, [Turn("speaker", "?")], "sad", ("?",), (), self._settings.persona, 200)
        wording = [str(message.text) for message in [*draft_messages(*probe), *self._plain([Turn("speaker", "?")])]]
        return {
            "model": model_name(self._model),
            "decoding": dict(self._model._identifying_params),
            "sem": self._sem.description.name,
            "fit": self._fit.model_dump(mode="json") if self._fit else None,
            **self._settings.model_dump(include={"strategy", "primary", "max_requeries", "persona", "dialogue_limit"}),
            "wording": hashlib.sha256("\0".join(wording).encode()).hexdigest()[:16],
        }

    def reply(self, sample: ReplySample, variant: Variant, hef: Reply | None = None) -> Reply:
        """Return one reply.

        Args:
            sample: What is replied to.
            variant: Who replies.
            hef: HEF's own reply to the sample, which the variants with a part left out share the understanding of.

        Raises:
            ModelError: The LLM failed.
        """
        if variant == "hef":
            return self._whole(sample)
        messages = self._plain(sample.turns) if variant == "plain" else self._ablated(sample, variant, hef)
        started = time.perf_counter()
        text = str(self._model.invoke(messages).text)
        seconds = time.perf_counter() - started
        likelihood, tokens = self._likelihood(messages, sample.reply)
        return Reply(
            sample=sample.id,
            variant=variant,
            text=text,
            seconds=seconds,
            log_likelihood=likelihood,
            tokens=tokens,
        )

    def _whole(self, sample: ReplySample) -> Reply:
        heard = _DraftPrompt()
        started = time.perf_counter()
        text, empathy = self._turn(sample, heard)
        seconds = time.perf_counter() - started
        likelihood, tokens = self._likelihood(heard.messages, sample.reply)
        return Reply(
            sample=sample.id,
            variant="hef",
            text=text,
            seconds=seconds,
            emotion=empathy.emotion,
            causes=tuple(cause.text for cause in empathy.causes[:SHOWN]),
            degraded=empathy.degraded,
            log_likelihood=likelihood,
            tokens=tokens,
        )

    def _turn(self, sample: ReplySample, heard: BaseCallbackHandler) -> tuple[str, Empathy]:
        """Return HEF's reply and understanding; a reply is blank where the LLM wrote none, as it may be without HEF."""
        given = {"messages": as_messages(sample.turns)}
        try:
            out = self._hef.invoke(given, context=self._settings, config={"callbacks": [heard]})
        except ModelError as error:
            if error.empathy is None or error.__cause__ is not None:
                raise
            return "", error.empathy
        return str(out["messages"][-1].text), out["empathy"]

    def _plain(self, turns: Dialogue) -> list[BaseMessage]:
        """Return the same conversation for the LLM alone: who it is, and what was said."""
        return [SystemMessage(f"You are {self._settings.persona}."), *as_messages(turns)]

    def _ablated(self, sample: ReplySample, variant: Variant, hef: Reply | None) -> list[BaseMessage]:
        if hef is None:
            raise ValueError(f"{variant} wants HEF's own reply to {sample.id}, whose understanding it shares")
        return draft_messages(
            self._prompts,
            sample.turns,
            None if variant == "no_emotion" else hef.emotion,
            () if variant == "no_causes" else hef.causes,
            (),
            self._settings.persona,
            self._settings.dialogue_limit,
        )

    def _likelihood(self, messages: Sequence[BaseMessage], reply: str) -> tuple[float | None, int]:
        if not messages or not isinstance(self._model, ReplyScorer):
            return None, 0
        return self._model.log_likelihood(messages, reply)


def collect(
    replier: Replier,
    samples: Sequence[ReplySample],
    variants: Sequence[Variant],
    run: ReplyRun[Reply],
    report: Report = lambda done, total: None,
) -> dict[Variant, list[Reply]]:
    """Return all replies, [variant][sample]; those that the run holds are not made again.

    Args:
        replier: Who replies.
        samples: What is replied to.
        variants: Who is compared.
        run: Where replies are kept.
        report: Told of the progress.
    """
    held = {(reply.sample, reply.variant): reply for reply in run.read()}
    done = 0
    for sample in samples:
        for variant in variants:
            if (sample.id, variant) not in held:
                made = replier.reply(sample, variant, held.get((sample.id, "hef")))
                held[sample.id, variant] = made
                run.add(made)
            done += 1
            report(done, len(samples) * len(variants))
    return {variant: [held[sample.id, variant] for sample in samples] for variant in variants}


class _DraftPrompt(BaseCallbackHandler):
    """Keeps the prompt of the reply that a turn of the graph sends."""

    def __init__(self) -> None:
        self.messages: list[BaseMessage] = []

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take the messages of a call from the node `draft_response`."""
        if (metadata or {}).get("langgraph_node") == "draft_response":
            self.messages = messages[0]
