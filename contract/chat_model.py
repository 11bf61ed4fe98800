"""What HEF uses of a chat model beside LangChain's interface: its name and key, form of prompt, scores of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from langchain_core.messages import MessageLikeRepresentation
    from langchain_core.runnables import Runnable

ChatModel: TypeAlias = "Runnable[Any, Any]"
"""A LangChain chat model (`BaseChatModel`), or one with LangChain's wrappers around it."""
DraftForm: TypeAlias = Literal["transcript", "chat"]
"""How a chat model is asked for the reply: by a fenced transcript and the judgement of it, or by the conversation
itself with a private note in the system message."""
ModelKey: TypeAlias = tuple[type, str, str]
"""Class of a chat model, its name, and where it is served; empty where it does not say so."""
_NAME_FIELDS = ("short_name", "model_name", "model", "model_id")
_ADDRESS_FIELDS = ("openai_api_base", "base_url", "endpoint_url")


@runtime_checkable
class ChoiceScorer(Protocol):
    """A chat model that returns how likely each of several answers is."""

    def score_choices(
        self,
        messages: Sequence[MessageLikeRepresentation],
        choices: Sequence[str],
        *,
        prefix: str = "",
        content_free: Sequence[Sequence[MessageLikeRepresentation]] = (),
    ) -> dict[str, float]:
        """Return the log-probability of each choice; their probabilities sum to 1.

        Args:
            messages: The conversation that the choices answer.
            choices: The answers to compare.
            prefix: The beginning of the answer, as in "The speaker feels".
            content_free: The same question about texts without content. The model's answers to them are
                its bias, whose mean is subtracted from each choice (contextual calibration, Zhao et al. 2021).

        Raises:
            SetupError: There are no choices, or one is empty.
            ModelError: The model failed.
        """
        ...

    async def ascore_choices(
        self,
        messages: Sequence[MessageLikeRepresentation],
        choices: Sequence[str],
        *,
        prefix: str = "",
        content_free: Sequence[Sequence[MessageLikeRepresentation]] = (),
    ) -> dict[str, float]:
        """Do the same without blocking the event loop."""
        ...


@runtime_checkable
class ReplyScorer(Protocol):
    """A chat model that returns how likely a reply is that somebody else wrote."""

    def log_likelihood(self, messages: Sequence[MessageLikeRepresentation], reply: str) -> tuple[float, int]:
        """Return ln p(reply | messages) and the number of tokens it sums over, without the end-of-reply token.

        Raises:
            SetupError: The reply is empty.
            ModelError: The model failed, or the reply does not fit its context window.
        """
        ...


def chat_models(model: Any) -> list[Any]:
    """Return the models inside LangChain's wrappers: that which is asked first, then its fallbacks.

    The wrappers are what `bind`, `with_config`, `with_retry`, `with_fallbacks` and `configurable_fields` return. What
    is wrapped in anything else, such as a chain with a parser, is returned as it is.
    """
    from langchain_core.runnables import RunnableWithFallbacks
    from langchain_core.runnables.base import RunnableBindingBase
    from langchain_core.runnables.configurable import DynamicRunnable

    if isinstance(model, RunnableBindingBase):
        return chat_models(model.bound)
    if isinstance(model, DynamicRunnable):
        return chat_models(model.default)
    if isinstance(model, RunnableWithFallbacks):
        return [inner for wrapped in model.runnables for inner in chat_models(wrapped)]
    return [model]


def model_name(model: Any) -> str:
    """Return a short name of a chat model to show; fits are found by it, too.

    Of a wrapped one it is the name that was bound (`model.bind(model=…)`), else that of the model asked first.
    """
    bound = getattr(model, "kwargs", None)
    if isinstance(bound, Mapping) and isinstance(name := bound.get("model"), str) and name:
        return name
    if (inner := getattr(model, "bound", None)) is not None:
        return model_name(inner)
    model = chat_models(model)[0]
    names = (getattr(model, field, None) for field in _NAME_FIELDS)
    fallback = getattr(model, "_llm_type", type(model).__name__)
    return next((name for name in names if isinstance(name, str) and name), str(fallback))


def model_key(model: Any) -> ModelKey:
    """Return what identifies a chat model in this process, whichever object it is; of a chain, its first part."""
    from langchain_core.runnables import RunnableSequence

    while isinstance(model, RunnableSequence) or isinstance(chat_models(model)[0], RunnableSequence):
        model = model.first if isinstance(model, RunnableSequence) else chat_models(model)[0]
    inner = chat_models(model)[0]
    addresses = (getattr(inner, field, None) for field in _ADDRESS_FIELDS)
    return type(inner), model_name(model), next((str(address) for address in addresses if address), "")


def is_hosted(model: Any) -> bool:
    """Return whether a chat model, with each of its fallbacks, is one that needs an API key, as hosted ones do."""
    return all(getattr(inner, "lc_secrets", None) for inner in chat_models(model))


def written_languages(model: Any) -> tuple[str, ...]:
    """Return the codes of the languages that a chat model writes, as it says itself.

    Of one that does not say it, these are Chinese and many others (`mul`).
    """
    return tuple(getattr(chat_models(model)[0], "written_languages", ("mul", "zh")))


def draft_form(model: Any) -> DraftForm:
    """Return how a chat model is asked for the reply: the form that it was trained on (`draft_form`), else `chat`."""
    return "transcript" if getattr(chat_models(model)[0], "draft_form", "chat") == "transcript" else "chat"
