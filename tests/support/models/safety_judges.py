"""A check of danger for tests of what follows from it: words decide, so that no test depends on the rules."""

from __future__ import annotations

from hef.contract import Dialogue, Safety

DANGER, CONCERN = "I want to end my life.", "My friend says she wants to die."
DANGER_ZH = "我想结束自己的生命。"
FOUND = {
    DANGER: Safety(level="danger", kind="suicide", words=("end my life",)),
    CONCERN: Safety(level="concern", kind="other_person", words=("she wants to die",)),
    DANGER_ZH: Safety(level="danger", kind="suicide", words=("结束自己的生命",), language="zh"),
}


def judge(dialogue: Dialogue) -> Safety:
    """Return what stands for the words of the last turn; nothing is found in others."""
    last = len(dialogue) - 1
    found = next((found for said, found in FOUND.items() if said in dialogue[last].text), Safety())
    return found.model_copy(update={"turn": last if found.words else None})
