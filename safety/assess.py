"""The safety of a dialogue: level, kind and the words, read from the person's last turn in its context."""

from __future__ import annotations

import re
from typing import Literal

from ..contract import Dialogue
from ..contract.safety import Safety

_CHINESE = re.compile("[\u3400-\u9fff]")
_DANGER = re.compile(
    r"\b(?:kill(?:ing)? myself|end(?:ing)? my life|suicid\w*|(?:want|going) to die|took all my pills)\b"
    r"|自杀|自殺|想死|不想活|结束生命|結束生命",
    re.IGNORECASE,
)


def assess(dialogue: Dialogue) -> Safety:
    """Return the safety of a dialogue; an empty one is safe.

    Args:
        dialogue: All turns, oldest first; the person is the speaker.
    """
    index = next((i for i in reversed(range(len(dialogue))) if dialogue[i].role == "speaker"), None)
    if index is None:
        return Safety()
    text = dialogue[index].text
    language: Literal["en", "zh"] = "zh" if _CHINESE.search(text) else "en"
    if match := _DANGER.search(text):
        return Safety(level="danger", kind="suicide", words=(match.group(),), language=language, turn=index)
    return Safety(language=language)
