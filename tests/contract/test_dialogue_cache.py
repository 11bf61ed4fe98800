from __future__ import annotations

from hef.contract import Turn
from hef.contract.dialogue import DialogueCache


def test_the_newest_dialogues_are_kept_without_their_words() -> None:
    cache = DialogueCache[int](2)
    dialogues = [[Turn("speaker", text)] for text in ("one", "two", "three")]
    cache.put(dialogues[0], 1)
    cache.put(dialogues[1], 2)
    cache.put(dialogues[0], 10)
    cache.put(dialogues[2], 3)

    assert [cache.get(dialogue) for dialogue in dialogues] == [10, None, 3]
    assert "three" not in repr(vars(cache))
