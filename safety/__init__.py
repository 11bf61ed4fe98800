"""Rules that notice when somebody is in danger, without any model: English and Chinese.

`assess` reads a dialogue in well under a millisecond a turn and gives a `Safety`: level, kind and the words.
"""

from __future__ import annotations

from .assess import assess

__all__ = ["assess"]
