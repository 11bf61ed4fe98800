"""A chat model over local weights: a `ChatHuggingFace` that runs on HEF's own engine.

As released (langchain-huggingface 1.2.3), `ChatHuggingFace` over a local pipeline returns the
prompt with the reply, has no async, ignores stop words and settings given with a call, requires a
user message last, counts tokens with another model's tokenizer, reports no usage and times out
after 60 s. This subclass keeps its fields and constructor and replaces the rest. It rejects what it
cannot do (tools, structured output, several replies at once) instead of ignoring it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import (
    AIMessageChunk,
    BaseMessage,
    MessageLikeRepresentation,
    UsageMetadata,
)
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.tools import BaseTool
from langchain_huggingface import ChatHuggingFace
from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from ..contract import SetupError
from ..contract.chat_model import DraftForm
from ..contract.cpu_inference import cpu_threads
from ..prompts.thoughts import opening_of_thought
from .engine.backend import Backend
from .engine.engine import Engine, Usage
from .engine.sampling import Sampling, sampling
from .engine.text_stream import TextDelta, stream_text
from .engine.torch_backend import TorchBackend
from .scoring import Scorer
from .weights.embedded_weights import EMBEDDED, embedded_name, is_adapted, is_embedded, neutral_cache_dir
from .weights.loading import Precision, load

_UNSUPPORTED: Final = ("n", "logprobs", "top_logprobs", "logit_bias")
_NEW_SETTINGS: Final = frozenset({"presence_penalty", "frequency_penalty"})
"""Settings that version 0.1 lacked: where they are not set, its caches and runs are found by the same name."""
_IGNORED: Final = {"timeout", "max_retries", "api_key"}
_ACCEPTED: Final = (
    *("model_id", "llm", "threads", "precision", "device", "context_window", "prefix_cache_tokens"),
    "chat_template_kwargs",
    *Sampling.model_fields,
)


class LocalChat(ChatHuggingFace):
    """A chat model over a local transformers model, loaded at its first use.

    HEF's design asks for the package langchain-huggingface, so this inherits from `ChatHuggingFace`
    although it overrides nearly all of it: a host may pass it wherever that class is expected. With
    `BaseChatModel` as its base it would need neither the overrides at the end nor that dependency.

    Example:
        ```python
        chat = LocalChat(temperature=0, max_tokens=60)  # the embedded SmolLM2-135M
        chat.invoke("Why is the sky blue?", stop=["?"]).content
        ```
    """

    model_config = ConfigDict(populate_by_name=True, arbitrary_types_allowed=True)

    llm: Any = None
    """A loaded `HuggingFacePipeline`, whose model and tokenizer are used; None loads `model_id`."""
    model_id: str | None = EMBEDDED
    """`embedded`, `embedded-plain` (without its adapter), a folder, or the id of a model on the Hugging Face hub."""
    top_k: int | None = None
    """Choose among this many tokens."""
    repetition_penalty: float | None = None
    """Above 1 makes earlier tokens less probable."""
    min_tokens: int | None = Field(None, ge=0)
    """Smallest number of tokens of a reply, so that replies of one length can be compared."""
    threads: int | None = Field(None, ge=1)
    """CPU threads; None means the environment's `HEF_THREADS`, else the library's own choice."""
    precision: Precision = "auto"
    """Number format of the weights; `auto` is 4 bits for the embedded model (on ONNX Runtime), for another
    one bfloat16 where the machine computes in it, else float32."""
    device: str = "auto"
    """A torch device; `auto` is a GPU where there is one, and the CPU for the embedded model."""
    context_window: int | None = Field(None, ge=64)
    """Largest number of tokens of prompt and reply together; None means the model's own."""
    prefix_cache_tokens: int = Field(4096, ge=0)
    """Number of tokens of earlier texts whose caches are kept, so that a prompt that begins alike is read faster."""

    chat_template_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Further variables of the chat template, as servers take them under this name: `{"enable_thinking": False}`."""

    _engine: Engine = PrivateAttr()
    _scorer: Scorer = PrivateAttr()

    def __init__(self, **kwargs: Any) -> None:
        fields = type(self).model_fields
        known = {*fields, *(field.alias for field in fields.values())} - set(_UNSUPPORTED)
        names = {name for name, value in kwargs.items() if value is not None}
        if unknown := names - known - _IGNORED:
            raise SetupError(f"LocalChat does not take {', '.join(sorted(unknown))}; it takes {', '.join(_ACCEPTED)}")
        super().__init__(**kwargs)
        self._engine = Engine(
            self._loader(),
            context_window=self.context_window,
            prefix_cache_tokens=self.prefix_cache_tokens,
            template_variables=self.chat_template_kwargs,
        )
        model_id = str(self.model_id)
        self._scorer = Scorer(self._engine, neutral_cache_dir(model_id) if is_embedded(model_id) else None)

    @classmethod
    def from_model_id(
        cls, model_id: str, task: str | None = None, backend: str = "pipeline", **kwargs: Any
    ) -> LocalChat:
        """Return the chat model of a folder or of a model on the hub."""
        if backend != "pipeline" or task not in (None, "text-generation"):
            raise SetupError(
                f"LocalChat runs backend 'pipeline' with task 'text-generation', not {backend!r} with {task!r}; "
                "omit both"
            )
        return cls(model_id=model_id, **kwargs)

    # ChatHuggingFace accepts tools and schemas and then drops them; BaseChatModel rejects them.
    bind_tools = BaseChatModel.bind_tools  # type: ignore[assignment, pydantic-field]
    with_structured_output = BaseChatModel.with_structured_output  # type: ignore[assignment, pydantic-field]

    @property
    def short_name(self) -> str:
        """The name of the folder, or of the model on the hub without its owner; fits are found by it, too."""
        model_id = str(self.model_id)
        return embedded_name(model_id) if is_embedded(model_id) else Path(model_id).name

    @property
    def written_languages(self) -> tuple[str, ...]:
        """Codes of the languages that it writes: the embedded model English alone; `mul` where that is not known."""
        return ("en",) if is_embedded(str(self.model_id)) else ("mul", "zh")

    @property
    def draft_form(self) -> DraftForm:
        """Which form of HEF's prompt for a reply the weights were trained on: HEF's adapter on the transcript."""
        return "transcript" if is_adapted(str(self.model_id)) else "chat"

    @property
    def _llm_type(self) -> str:
        return "hef-local-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        # Evaluation runs store these keys and hash them with each cached answer: renaming one would void old runs.
        return {
            "model_id": self.model_id,
            "precision": self.precision,
            "window": self.context_window,
            **({"chat_template_kwargs": self.chat_template_kwargs} if self.chat_template_kwargs else {}),
            **self._settings(),
        }

    def get_token_ids(self, text: str) -> list[int]:
        """Return the tokens of a text, by the model's own tokenizer."""
        return self._engine.encode(text)

    def get_num_tokens_from_messages(
        self,
        messages: Sequence[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
    ) -> int:
        """Count the tokens of the prompt that the messages make."""
        return len(self._engine.encode(self._engine.prompter.text(messages)))

    def score_choices(
        self,
        messages: Sequence[MessageLikeRepresentation],
        choices: Sequence[str],
        *,
        prefix: str = "",
        content_free: Sequence[Sequence[MessageLikeRepresentation]] = (),
    ) -> dict[str, float]:
        """Return the log-probability of each choice; see `ChoiceScorer`."""
        return self._scorer.score(messages, choices, prefix, content_free)

    async def ascore_choices(
        self,
        messages: Sequence[MessageLikeRepresentation],
        choices: Sequence[str],
        *,
        prefix: str = "",
        content_free: Sequence[Sequence[MessageLikeRepresentation]] = (),
    ) -> dict[str, float]:
        """Do the same without blocking the event loop."""
        return await asyncio.to_thread(self._scorer.score, messages, choices, prefix, content_free)

    def log_likelihood(self, messages: Sequence[MessageLikeRepresentation], reply: str) -> tuple[float, int]:
        """Return ln p(reply | messages) and its number of tokens; see `ReplyScorer`."""
        return self._scorer.log_likelihood(messages, reply)

    @property
    def usage(self) -> Usage:
        """The number of prompts and tokens so far, and of those that were computed."""
        return replace(self._engine.usage)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        engine, settings = self._engine, self._sampling({**kwargs, "stop": stop})
        budget = max(engine.context_window - settings.max_tokens, engine.context_window // 2)
        text = engine.prompter.text(messages, budget=budget)
        prompt, opening = engine.encode(text), opening_of_thought(text)
        with closing(stream_text(engine, prompt, settings)) as deltas:
            for delta in deltas:
                # A thought that the template opens is opened in the answer as well: else its end alone would show it.
                delta, opening = replace(delta, text=opening + delta.text), ""
                chunk = ChatGenerationChunk(message=self._chunk(delta, len(prompt)))
                if run_manager:
                    run_manager.on_llm_new_token(delta.text, chunk=chunk)
                yield chunk

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        stream: bool | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, **kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in BaseChatModel._astream(self, messages, stop, run_manager, **kwargs):
            yield chunk

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        stream: bool | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """Generate token by token, so that a cancelled call stops at the next one."""
        return await agenerate_from_stream(self._astream(messages, stop, **kwargs))

    def _chunk(self, delta: TextDelta, prompt_tokens: int) -> AIMessageChunk:
        if delta.finish is None:
            return AIMessageChunk(content=delta.text)
        return AIMessageChunk(
            content=delta.text,
            usage_metadata=UsageMetadata(
                input_tokens=prompt_tokens, output_tokens=delta.tokens, total_tokens=prompt_tokens + delta.tokens
            ),
            response_metadata={"model_name": self.short_name, "finish_reason": delta.finish},
            chunk_position="last",
        )

    def _settings(self) -> dict[str, Any]:
        settings = {name: getattr(self, name) for name in Sampling.model_fields}
        return {name: value for name, value in settings.items() if value is not None or name not in _NEW_SETTINGS}

    def _sampling(self, call: dict[str, Any]) -> Sampling:
        """Merge the model's default settings, the constructor's and those of the call."""
        return sampling(self._engine.default_sampling, self._settings(), call)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = LangSmithParams(ls_provider="hef", ls_model_name=str(kwargs.get("model") or self.short_name))
        return {**super()._get_ls_params(stop=stop, **kwargs), **params}

    def _loader(self) -> Callable[[], Backend]:
        threads = cpu_threads(self.threads)
        if self.llm is not None:
            return lambda: TorchBackend(
                self.llm.pipeline.model.eval(), self.tokenizer or self.llm.pipeline.tokenizer, threads=threads
            )
        return partial(load, str(self.model_id), precision=self.precision, device=self.device, threads=threads)

    def _inherit_llm_properties(self) -> None:
        """Skip ChatHuggingFace's reading of an endpoint's settings; a pipeline has none of them."""

    def _resolve_model_id(self) -> None:
        """Take the name of a loaded pipeline's model; nothing is looked up on the hub."""
        if self.llm is not None:
            self.model_id = self.llm.model_id

    @model_validator(mode="after")
    def validate_llm(self) -> Self:
        """Reject an `llm` that is not a pipeline."""
        if self.llm is not None and getattr(getattr(self.llm, "pipeline", None), "model", None) is None:
            raise ValueError(f"llm is a {type(self.llm).__name__}; give a HuggingFacePipeline, or model_id")
        return self
