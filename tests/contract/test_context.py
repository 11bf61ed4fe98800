from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hef.contract import HefContext, RecallWeights, SetupError, as_context, as_user_id
from hef.contract.context import misspelled_settings
from hef.contract.user_identity import user_of_run
from pydantic import BaseModel, ValidationError


@dataclass
class HostContext:
    user_id: str = "ana"
    model: object = field(default_factory=object)
    memory_limit: int = 7


def test_nothing_gives_the_defaults() -> None:
    assert as_context(None) == HefContext()


def test_own_context_is_returned_as_it_is() -> None:
    own = HefContext(user_id="ana")

    assert as_context(own) is own


def test_mapping_gives_its_fields_and_leaves_the_hosts_own_out() -> None:
    assert as_context({"user_id": "ana", "tenant": 3}) == HefContext(user_id="ana")


def test_foreign_object_gives_its_valid_fields_alone() -> None:
    assert as_context(HostContext()) == HefContext(user_id="ana", memory_limit=7)


@pytest.mark.parametrize(
    "foreign",
    [{"remember": "no"}, {"memory_limit": 999}, {"primary": True}, {"strategy": "fastest"}, {"persona": None}],
)
def test_field_of_a_host_that_means_something_else_is_not_taken(foreign: dict[str, object]) -> None:
    assert as_context(foreign) == HefContext()


@pytest.mark.parametrize("foreign", [{"model": "openai/gpt-x"}, SimpleNamespace(model="embedded")])
def test_a_hosts_model_is_taken_only_under_hefs_own_name(foreign: object) -> None:
    assert as_context(foreign).model is None
    assert as_context({"hef": {"model": "embedded"}}).model == "embedded"


@pytest.mark.parametrize("nested", [HefContext(user_id="bo", primary=0.9), {"user_id": "bo", "primary": 0.9}])
def test_nested_settings_come_before_the_hosts_fields(nested: object) -> None:
    assert as_context(SimpleNamespace(user_id="ana", hef=nested)) == HefContext(user_id="bo", primary=0.9)
    assert as_context({"user_id": "ana", "hef": nested}) == HefContext(user_id="bo", primary=0.9)


@pytest.mark.parametrize(
    ("nested", "user"), [({}, "7"), ({"user_id": "bo"}, "bo"), ({"user_id": None}, None), (HefContext(), "7")]
)
def test_the_hosts_person_counts_where_the_nested_settings_name_nobody(nested: Any, user: str | None) -> None:
    for context in ({"user_id": 7, "hef": nested}, SimpleNamespace(user_id=7, hef=nested)):
        assert user_of_run(as_context(context), {"user_id": "victim"}) == user


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"strateggy": "sem_only"}, "there is no setting 'strateggy' (did you mean 'strategy'?)"),
        ({"colour": "red"}, "there is no setting 'colour'"),
        (
            {"persona": "x" * 20_001},
            "persona has 20001 characters: string should have at most 20000 characters; shorten it",
        ),
        ({"strategy": "fast"}, "strategy is 'fast': should be 'two_stage', 'one_prompt', 'sem_only' or 'llm_only'"),
        ({"memory_limit": 51}, "memory_limit is 51: should be less than or equal to 50"),
        (
            {"primary": 1.5},
            "primary is 1.5: should be a valid integer, got a number with a fractional part or should be",
        ),
    ],
)
def test_nested_settings_are_held_to_the_schema_and_refused_with_a_sentence(settings: Any, sentence: str) -> None:
    with pytest.raises(SetupError) as refusal:
        as_context({"hef": settings})

    assert str(refusal.value).startswith(sentence)
    assert "\n" not in str(refusal.value)


def test_a_name_that_there_is_not_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(SetupError, match=r"there is no setting 'memory_limt' \(did you mean 'memory_limit'\?\)"):
        HefContext(memory_limt=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: HefContext(**{"tone": "kind"}), "there is no setting 'tone'"),
        (lambda: HefContext(**{"dialogue_limit": 10}), "dialogue_limit is 10: should be greater than or equal to 200"),
        (
            lambda: HefContext(memory_weights={"recencie": 1}),  # type: ignore[arg-type]
            "memory_weights: there is no setting 'recencie' (did you mean 'recency'?)",
        ),
        (
            lambda: as_context({"hef": {"memory_weights": {"half_life_days": 0}}}),
            "memory_weights: half_life_days is 0: should be greater than 0",
        ),
        (lambda: RecallWeights(**{"lenght": 1}), "there is no setting 'lenght' (did you mean 'length'?)"),
        (lambda: RecallWeights(emotion=-2), "emotion is -2: should be greater than or equal to 0"),
        (lambda: HefContext(user_id=2.5), "user_id is a float; give a text, a whole number"),  # type: ignore[arg-type]
    ],
)
def test_wrong_settings_are_one_plain_sentence_wherever_they_are_made(make: Any, sentence: str) -> None:
    with pytest.raises(SetupError) as refusal:
        make()

    assert str(refusal.value).startswith(sentence)
    assert "\n" not in str(refusal.value)
    assert "pydantic" not in str(refusal.value)


@dataclass
class Tenant:
    tenant: str = "north"


@dataclass(slots=True)
class SlottedTenant(Tenant):
    dialog_limit: int = 900
    primary: str = "three"


class ModelTenant(BaseModel):
    tenant: str = "north"
    dialog_limit: int = 900
    primary: str = "three"


@pytest.mark.parametrize("context", [SlottedTenant(), ModelTenant(), SimpleNamespace(dialog_limit=1, primary="three")])
def test_what_is_nearly_a_setting_is_said_of_a_context_of_any_class(context: object) -> None:
    said = misspelled_settings(context)

    assert "there is no setting 'dialog_limit' (did you mean 'dialogue_limit'?): it was not used" in said
    assert "primary is 'three': " in said
    assert "tenant" not in said


@pytest.mark.parametrize("name", ["task", "asks", "mask", "tasks"])
def test_a_hosts_own_short_word_is_not_taken_for_a_setting(name: str) -> None:
    assert misspelled_settings({name: "book a table"}) == ""


@pytest.mark.parametrize(("name", "length"), [("persona", 20_001), ("prompt_draft", 20_001)])
@pytest.mark.parametrize("kind", [dict, lambda fields: SimpleNamespace(**fields), lambda fields: {"hef": fields}])
def test_a_text_that_is_too_long_is_refused_wherever_it_comes_from(name: str, length: int, kind: Any) -> None:
    with pytest.raises(SetupError, match=f"{name} has {length} characters: .*shorten it"):
        as_context(kind({name: "x" * length}))


def test_a_hosts_name_that_is_nearly_a_setting_is_said() -> None:
    assert misspelled_settings({"strateggy": "sem_only", "tenant": 3}) == (
        "there is no setting 'strateggy' (did you mean 'strategy'?): it was not used"
    )
    assert misspelled_settings({"user_id": "ana", "model": "x", "prompt_fine": "x", "tenant": 3}) == ""
    assert misspelled_settings(HefContext()) == misspelled_settings(None) == ""


def test_a_hosts_value_that_a_setting_cannot_have_is_said() -> None:
    said = misspelled_settings({"strategy": "two-stage", "persona": None, "primary": 3})

    assert said.startswith("strategy is 'two-stage': ")
    assert said.endswith("it was not used")


def test_unknown_strategy_names_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="'two_stage', 'one_prompt', 'sem_only' or 'llm_only'"):
        HefContext.model_validate({"strategy": "fastest"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("primary", 0), ("primary", 33), ("primary", 1.5), ("max_requeries", -1), ("max_requeries", 6), ("user", "ana")],
)
def test_setting_out_of_range_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        HefContext.model_validate({name: value})


@pytest.mark.parametrize("primary", [1, 5, 32, 0.05, 0.9])
def test_primary_keeps_whether_it_counts_or_covers(primary: float) -> None:
    validated = HefContext(primary=primary).primary

    assert (validated, type(validated)) == (primary, type(primary))


@pytest.mark.parametrize("name", HefContext.model_fields)
def test_every_setting_has_what_studio_shows(name: str) -> None:
    setting = HefContext.model_fields[name]
    schema = HefContext.model_json_schema()["properties"][name]

    assert setting.description
    assert not setting.is_required()
    assert schema["langgraph_nodes"]


def test_settings_name_nodes_that_there_are() -> None:
    nodes = "safety crisis_reply human_takeover recall sem_emotion coarse_emotion fine_emotion confirm_emotion".split()
    nodes += ["cause_words", "draft_response", "remember"]
    schema = HefContext.model_json_schema()["properties"]

    assert {node for setting in schema.values() for node in setting["langgraph_nodes"]} <= set(nodes)
    assert schema["persona"]["langgraph_type"] == "prompt"


PERSON = UUID("6f0a3b1e-8a52-4c3f-9d7e-1b2c3d4e5f60")


class Person(StrEnum):
    ANA = "ana"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("ana", "ana"), (7, "7"), (0, "0"), (-3, "-3"), (PERSON, str(PERSON)), (Person.ANA, "ana"), (" ana ", " ana ")],
)
def test_every_form_of_a_user_id_is_kept_as_text(given: Any, kept: str) -> None:
    contexts = [
        HefContext(user_id=given),
        as_context({"user_id": given}),
        as_context(SimpleNamespace(user_id=given)),
        as_context({"hef": {"user_id": given}}),
    ]

    assert {context.user_id for context in contexts} == {kept}
    assert {type(context.user_id) for context in contexts} == {str}
    assert user_of_run(HefContext(), {"user_id": given}) == kept


@pytest.mark.parametrize(
    "account",
    [
        {"langgraph_auth_user_id": "ana"},
        {"langgraph_auth_user": SimpleNamespace(identity="ana")},
        {"langgraph_auth_user": {"identity": "ana"}, "langgraph_auth_user_id": None},
    ],
)
def test_the_person_whom_a_server_authenticated_comes_before_what_a_client_names(account: dict[str, Any]) -> None:
    assert user_of_run(HefContext(), account) == "ana"
    assert user_of_run(HefContext(user_id="ana"), account) == "ana"
    assert user_of_run(HefContext(), {**account, "user_id": "ana"}) == "ana"
    assert user_of_run(HefContext(user_id=None), account) is None
    for context, named in ((HefContext(user_id="victim"), {}), (HefContext(), {"user_id": "victim"})):
        with pytest.raises(SetupError, match="another user_id than that of the person whom the server authenticated"):
            user_of_run(context, {**account, **named})


@pytest.mark.parametrize("account", [{"identity": None}, {"identity": " "}, SimpleNamespace(name="ana"), object()])
def test_an_account_without_an_identity_is_refused(account: Any) -> None:
    with pytest.raises(SetupError, match="user_id is"):
        user_of_run(HefContext(user_id="victim"), {"langgraph_auth_user": account})


@pytest.mark.parametrize("identity", [None, ""])
def test_a_server_without_authentication_knows_nobody(identity: str | None) -> None:
    unknown = {"langgraph_auth_user": None, "langgraph_auth_user_id": identity}

    assert user_of_run(HefContext(user_id="ana"), unknown) == "ana"
    assert user_of_run(HefContext(), unknown) is None
    assert user_of_run(HefContext(), {**unknown, "user_id": "ana"}) == "ana"


def test_the_blank_id_that_a_server_fills_in_for_nobody_is_no_mistake_of_the_client() -> None:
    unknown = {"langgraph_auth_user": None, "langgraph_auth_user_id": "", "user_id": ""}

    assert user_of_run(HefContext(), unknown) is None
    with pytest.raises(SetupError, match="user_id is blank"):
        user_of_run(HefContext(), {**unknown, "user_id": " "})


@pytest.mark.parametrize("given", ["", "  \n", True, 1.0, b"ana", ["ana"], {"id": "ana"}, object()])
def test_what_names_no_person_is_refused_and_not_left_out(given: Any) -> None:
    for context in ({"user_id": given, "tenant": 3}, SimpleNamespace(user_id=given)):
        with pytest.raises(SetupError, match="user_id is"):
            as_context(context)
    with pytest.raises(SetupError, match="user_id is"):
        user_of_run(HefContext(), {"user_id": given})
    with pytest.raises(SetupError, match="user_id is"):
        HefContext(user_id=given)


def test_the_refusal_does_not_show_what_was_given() -> None:
    with pytest.raises(SetupError, match=r"^user_id is a list; give a text, a whole number or a UUID"):
        as_user_id(["secret"])


@pytest.mark.parametrize(("context", "user"), [({"user_id": 7}, "7"), ({"user_id": None}, None), ({}, "victim")])
def test_the_config_names_the_person_only_where_the_context_says_nothing(
    context: dict[str, Any], user: str | None
) -> None:
    assert user_of_run(HefContext(**context), {"user_id": "victim"}) == user


@pytest.mark.parametrize("context", [{"user_id": None}, {"user_id": None, "tenant": 3}, SimpleNamespace(user_id=None)])
def test_a_context_that_names_nobody_asks_no_other_source(context: Any) -> None:
    assert user_of_run(as_context(context), {"user_id": "victim"}) is None


def test_a_context_without_a_place_for_the_user_leaves_it_to_the_config() -> None:
    assert user_of_run(as_context({"tenant": 3}), {"user_id": "ana"}) == "ana"


@pytest.mark.parametrize("nested", [SimpleNamespace(user_id="ana"), "ana", 3])
def test_settings_under_hef_of_another_type_are_refused(nested: Any) -> None:
    with pytest.raises(SetupError, match="give a HefContext or a mapping"):
        as_context({"hef": nested})
