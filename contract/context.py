"""The settings of one run."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import get_annotations
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError, WithJsonSchema, field_validator

from .errors import SetupError
from .renamed_fields import CONTEXT_FIELDS
from .settings.danger_texts import DangerPage
from .settings.model_settings import read_model_settings
from .settings.recall_weights import RecallWeights
from .settings.region import Region
from .settings.reply_language import ReplyLanguage
from .settings.settings_model import SettingsModel, explain_settings, nearest_setting, unknown_setting
from .settings.studio_form import studio_hints as _studio_hints
from .settings.studio_form import template_field as _template
from .user_identity import CharacterId, as_user_id

Strategy: TypeAlias = Literal["two_stage", "one_prompt", "sem_only", "llm_only"]
Primary: TypeAlias = Annotated[int, Field(ge=1, le=32)] | Annotated[float, Field(gt=0, lt=1)]


_OF_HOST = frozenset({"model", "model_settings"})
"""Settings that belong to the host's own agents where a host's context has them beside its own fields."""
TEMPLATE = "prompt_"
"""Prefix of the names of the settings that hold a prompt template."""
_DANGER_NODES = ("crisis_reply", "draft_response")


class HefContext(SettingsModel):
    """Settings of one run; each has a default, so that an empty context works."""

    old_names = CONTEXT_FIELDS

    user_id: str | None = Field(
        default=None,
        description="Whose memory is recalled and written: a text, a whole number or a UUID, kept as text; "
        "without it nothing is remembered",
        json_schema_extra=_studio_hints("safety", "recall", "draft_response", "remember"),
    )
    character: CharacterId = Field(
        default=None,
        description="The character that the person talks with, whose memories are kept apart from those of others; "
        "None, or a blank text, for none",
        json_schema_extra=_studio_hints("recall", "remember"),
    )
    region: Region = Field(
        default=None,
        description="Country whose numbers for help are given in danger, two letters such as US, GB or CN "
        "(ISO 3166-1); without it the international directory",
        json_schema_extra=_studio_hints("safety", "crisis_reply", "draft_response"),
    )
    safety_handoff: bool = Field(
        default=False,
        description="Whether to pause after the reply to somebody in danger, so that a human can take over",
        json_schema_extra=_studio_hints("crisis_reply", "human_takeover"),
    )
    model: Annotated[str | Any | None, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]})] = Field(
        default=None,
        description="Another LLM for this run: `embedded`, `embedded-plain`, `huggingface:<id or path>`, "
        "or `<provider>:<name>`, or in code a chat model; on a server those of its `HEF_MODELS` alone",
        json_schema_extra=_studio_hints("recall", "coarse_emotion", "fine_emotion", "draft_response"),
    )
    model_settings: dict[str, Any] = Field(
        default={},
        description="Settings of the call that writes the reply, such as `temperature`, `max_tokens` and `stop`; on a "
        "server the usual ones alone",
        json_schema_extra=_studio_hints("draft_response"),
    )
    strategy: Strategy = Field(
        default="two_stage",
        description="How the emotion is decided",
        json_schema_extra=_studio_hints("sem_emotion", "coarse_emotion", "fine_emotion"),
    )
    first_question: Literal["open", "primary"] = Field(
        default="open",
        description="What an LLM that answers in words is asked first: `open`, which of all emotions it is, and only "
        "where it names none of the primary ones, whether one of them fits; `primary`, that at once",
        json_schema_extra=_studio_hints("coarse_emotion"),
    )
    ask: Literal["unsure", "always"] = Field(
        default="unsure",
        description="When the LLM is asked for its judgement: `unsure`, where the SEM's first choice is less probable "
        "than the pair's `ask_below`; `always`",
        json_schema_extra=_studio_hints("coarse_emotion"),
    )
    primary: Primary = Field(
        default=5,
        description="Primary emotions: how many, or (below 1) how often they should include the true one",
        json_schema_extra=_studio_hints("sem_emotion"),
    )
    max_requeries: int = Field(
        default=1,
        ge=0,
        le=5,
        description="How often the SEM is asked again when the LLM disagrees",
        json_schema_extra=_studio_hints("coarse_emotion", "sem_emotion"),
    )
    confirm_emotion: bool = Field(
        default=False,
        description="Whether to pause and ask a person which emotion it is when SEM and LLM still disagree",
        json_schema_extra=_studio_hints("fine_emotion", "confirm_emotion"),
    )
    early_reply: bool | None = Field(
        default=None,
        description="Whether the LLM begins its reply before the decision, beside its judgement and without a note of "
        "the feeling; None means for a hosted LLM",
        json_schema_extra=_studio_hints("coarse_emotion", "draft_response"),
    )
    memory_limit: int | None = Field(
        default=None,
        ge=0,
        le=50,
        description="How many past turns are recalled at most; None: 3, and for a hosted LLM 10",
        json_schema_extra=_studio_hints("recall"),
    )
    memory_budget: int | None = Field(
        default=None,
        ge=0,
        description="Tokens of past turns that the LLM is shown at most, a token counted as four characters; None: "
        "400, and for a hosted LLM 900",
        json_schema_extra=_studio_hints("recall", "draft_response"),
    )
    memory_weights: RecallWeights = Field(
        default=RecallWeights(),
        description="Weights of the parts of a past turn's relevance",
        json_schema_extra=_studio_hints("recall"),
    )
    remember: bool = Field(
        default=True,
        description="Whether this turn is stored",
        json_schema_extra=_studio_hints("draft_response", "remember"),
    )
    remember_for: float | None = Field(
        default=None,
        gt=0,
        le=36_500,
        description="Days that this turn is kept; None for good. `remember_for` in the `additional_kwargs` of the "
        "person's message says it for that message",
        json_schema_extra=_studio_hints("remember"),
    )
    remember_danger: bool = Field(
        default=False,
        description="Whether a turn in which the person is in danger is stored, too, then without an emotion",
        json_schema_extra=_studio_hints("remember"),
    )
    language: ReplyLanguage = Field(
        default=None,
        description="Language of the reply and of the note for it, by its code or its English name, such as `zh` or "
        "`German`; None means the person's",
        json_schema_extra=_studio_hints("draft_response"),
    )
    dialogue_limit: int | None = Field(
        default=None,
        ge=200,
        description="Characters of dialogue shown to the LLM; the oldest turns are dropped first. None: 6,000, and for "
        "the reply of a hosted LLM 40,000",
        json_schema_extra=_studio_hints(
            *("safety", "crisis_reply", "recall", "sem_emotion", "coarse_emotion", "fine_emotion", "cause_words"),
            "draft_response",
        ),
    )
    persona: str = Field(
        default="a warm, attentive friend",
        max_length=20_000,
        description="Who the assistant is when it replies",
        json_schema_extra=_studio_hints("coarse_emotion", "draft_response", prompt=True),
    )
    prompt_system: str = _template("How every prompt begins, with $persona", "coarse_emotion", "draft_response")
    prompt_score: str = _template(
        "The question to an LLM that scores the emotions, about $dialogue; the draft continues from it",
        "coarse_emotion",
        "draft_response",
    )
    prompt_coarse: str = _template(
        "The question to any other LLM, about $dialogue, with the $primary emotions, the $others, and after a "
        "re-query the $evidence",
        "coarse_emotion",
    )
    prompt_all_labels: str = _template(
        "The question among all $labels, about $dialogue: the first one, and where there is no reading of a SEM",
        "coarse_emotion",
    )
    prompt_one_prompt: str = _template(
        "The question of strategy `one_prompt`, about $dialogue, with all $labels and the $likely ones",
        "coarse_emotion",
    )
    prompt_repair: str = _template("The message after an answer that names none of the $labels", "coarse_emotion")
    prompt_draft: str = _template(
        "What is said to the LLM about its reply, with $persona, $emotion, $distribution, $causes, $memories and "
        "$dialogue; a line whose value is empty is left out",
        "draft_response",
    )
    prompt_concern: str = _template(
        "What is said to the LLM about its reply where somebody may be at risk, with $words and the line $shown after "
        "it, or $said where it was shown a moment ago",
        "draft_response",
    )
    prompt_danger_en: DangerPage = _template("The texts that answer somebody in danger, in English", *_DANGER_NODES)
    prompt_danger_zh: DangerPage = _template("The same in Chinese", *_DANGER_NODES)

    @field_validator("model", mode="before")
    @classmethod
    def _read_model(cls, value: object) -> object:
        if value is None or isinstance(value, str) or callable(getattr(value, "invoke", None)):
            return value
        raise SetupError(f"model is a {type(value).__name__}; give the name of an LLM, or a LangChain chat model")

    @field_validator("model_settings", mode="before")
    @classmethod
    def _read_model_settings(cls, value: object) -> dict[str, Any]:
        return read_model_settings(value)

    @field_validator("user_id", mode="before")
    @classmethod
    def _read_user_id(cls, value: object) -> str | None:
        return None if value is None else as_user_id(value)

    @property
    def templates(self) -> dict[str, str]:
        """The prompt templates of this run by name; a blank one means the graph's own."""
        fields: dict[str, str] = dict(self)
        return {name.removeprefix(TEMPLATE): text for name, text in fields.items() if name.startswith(TEMPLATE)}


def as_context(value: object) -> HefContext:
    """Return the settings of a run from any value of `runtime.context`.

    Args:
        value: A `HefContext`, None, a mapping, or the context object of a host graph. A host's
            object may carry a `HefContext` (or mapping) under the name `hef`; otherwise fields of the
            same name are taken where they are valid, and the rest belongs to the host. So does
            `model`, with its `model_settings`: it names the LLM of the host's agents, in the host's spelling. `user_id`
            is never left out in silence: a run that must be somebody's, or nobody's (None), is not to become another's.

    Raises:
        SetupError: `user_id` is none, see `as_user_id`.
    """
    if isinstance(value, HefContext):
        return value
    if value is None:
        return HefContext()
    nested, user = _lookup(value, "hef"), _lookup(value, "user_id")
    if isinstance(nested, Mapping):
        nested = settings_from(nested)
    if isinstance(nested, HefContext):
        is_stated = user is None or "user_id" in nested.model_fields_set
        return nested if is_stated else nested.model_copy(update={"user_id": as_user_id(user)})
    if nested is not None:
        raise SetupError(f"`hef` in the context is a {type(nested).__name__}; give a HefContext or a mapping")
    names = (HefContext.model_fields.keys() | CONTEXT_FIELDS.keys()) - _OF_HOST - {"user_id"}
    fields = {name: field for name in names if (field := _lookup(value, name)) is not None}
    settings = {name: field for name, field in fields.items() if not _setting_fault(name, field)}
    if user is not None or _names_user(value):
        settings["user_id"] = None if user is None else as_user_id(user)
    return settings_from(settings)


def _names_user(value: object) -> bool:
    """Return whether a context has a place for the user, so that None there is nobody and no other source is asked."""
    return "user_id" in value if isinstance(value, Mapping) else hasattr(value, "user_id")


def _lookup(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _setting_fault(name: str, value: object) -> str:
    """Return why a setting cannot have a value of a host's context; empty where it can.

    Raises:
        SetupError: It is a text that is too long: it was meant for HEF.
    """
    try:
        # Pydantic's own validation of a new object: the class converts, and strictly no value of a host is.
        HefContext.__pydantic_validator__.validate_python(
            {name: value}, strict=True, self_instance=HefContext.__new__(HefContext)
        )
    except ValidationError as error:
        if any(fault["type"] == "string_too_long" for fault in error.errors()):
            raise SetupError(explain_settings(error)) from None
        return explain_settings(error)
    return ""


def settings_from(fields: Mapping[str, Any]) -> HefContext:
    """Return the settings of a run from a mapping of HEF's own.

    Raises:
        SetupError: A name is unknown, or a value is out of range; the message says what was given and expected.
    """
    return HefContext(**{str(name): value for name, value in fields.items()})


def misspelled_settings(value: object) -> str:
    """Return what of a host's context is nearly a setting of HEF, as the fault of a turn; empty for nothing.

    That is a name like one of HEF's, or HEF's name with a value that it cannot have.

    Args:
        value: The run's context, of any class. Names of a host's own that are like none of HEF's are its business.
    """
    if value is None or isinstance(value, HefContext) or _lookup(value, "hef") is not None:
        return ""
    names = _names(value)
    known = HefContext.model_fields.keys() | CONTEXT_FIELDS.keys()
    faults = [
        unknown_setting(name, HefContext.model_fields)
        for name in names
        if name not in known and nearest_setting(name, HefContext.model_fields)
    ]
    given = {name: _lookup(value, name) for name in names if name in known - _OF_HOST - {"user_id"}}
    faults += filter(None, (_setting_fault(name, field) for name, field in given.items() if field is not None))
    return "; ".join(f"{fault}: it was not used" for fault in faults)


def _names(value: object) -> list[str]:
    """Return the names of a context's fields: a mapping's keys, or what an object and its class state."""
    if isinstance(value, Mapping):
        return [name for name in value if isinstance(name, str)]
    stated = [name for cls in type(value).__mro__ for name in get_annotations(cls)]
    return [name for name in dict.fromkeys([*stated, *getattr(value, "__dict__", {})]) if not name.startswith("_")]


PRIMARY: TypeAdapter[int | float] = TypeAdapter(Primary)
"""Validates the setting `primary` where it is given outside a context."""
