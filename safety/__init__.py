"""What notices when somebody is in danger: rules, and two models that may raise what they found. English and Chinese.

`assess` reads a dialogue in a few milliseconds a turn and gives a `Safety`: level, kind and the words. `LlmSafetyCheck`
asks an LLM beside the rules, where a host has a capable one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .assess import assess
from .helplines.crisis_text import after_danger_text, contact_text, crisis_text, help_line
from .helplines.referral_counts import ReferralCount, ReferralCounter, referral_counts
from .helplines.resources import Resource, all_resources, resources_for

if TYPE_CHECKING:
    from .llm_safety import LlmSafetyCheck

__all__ = [
    "LlmSafetyCheck",
    "ReferralCount",
    "ReferralCounter",
    "Resource",
    "after_danger_text",
    "all_resources",
    "assess",
    "contact_text",
    "crisis_text",
    "help_line",
    "referral_counts",
    "resources_for",
]


def __getattr__(name: str) -> Any:
    """Import lazily what loads LangChain."""
    if name == "LlmSafetyCheck":
        from .llm_safety import LlmSafetyCheck

        return LlmSafetyCheck
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
