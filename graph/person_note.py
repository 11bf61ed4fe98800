"""The note about the person for any agent's own model, with the numbers for help where somebody is in danger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langchain_core.messages import AnyMessage

from .. import prompts as templates
from ..contract import Empathy, Memory
from ..contract.dialogue import TextLanguage
from ..nodes import to_dialogue
from ..prompts import Prompts, causes_of_last_turn
from ..safety import contact_text, help_line


def empathy_note(
    empathy: Empathy,
    memories: Sequence[Memory] = (),
    *,
    prompts: Prompts | None = None,
    memory_budget: int | None = None,
    now: float | None = None,
    region: str | None = None,
    language: TextLanguage = "en",
    names: Mapping[str, str] | None = None,
    messages: Sequence[AnyMessage] = (),
) -> str:
    """Return a note about the person for the system message of any agent's own model.

    It holds what was felt and why, and past turns; see `hef.prompts.empathy_note`. Where somebody may be at risk it
    says so, and which line is to end the reply; in danger it says that alone, and whom to call.

    Args:
        empathy: What was understood.
        memories: Past turns that bear on it, the most relevant first.
        prompts: The templates; by default the shipped ones.
        memory_budget: Tokens of past turns at most; by default as many as a hosted LLM is told.
        now: Unix time in seconds from which their age is told; by default the present.
        region: Two letters of the person's country; None gives the international directory.
        language: Language of the shipped note, `en` or `zh`; see `hef.contract.dialogue.turn_language`.
        names: What emotions are called in it, such as `taxonomy.names["zh"]`; by default as their labels.
        messages: The conversation that was read. With it the note names cause words of the last message alone: those of
            an earlier subject would mislead whoever reads them.
    """
    query = ""
    if messages:
        dialogue = to_dialogue(messages)
        empathy = empathy.model_copy(update={"causes": causes_of_last_turn(empathy, dialogue)})
        query = next((turn.text for turn in reversed(dialogue) if turn.role == "speaker"), "")
    safety = empathy.safety
    contact = contact_text(safety, region) if safety.level == "danger" else help_line(safety, region, prompts=prompts)
    return templates.empathy_note(
        empathy,
        memories,
        prompts=prompts,
        memory_budget=memory_budget,
        now=now,
        contact=contact,
        query=query,
        language=language,
        names=names,
    )
