"""The nodes of the graph, one per file; plain functions from state and runtime to an update."""

from __future__ import annotations

from .calling.llm_calls import RETRY
from .cause_words import cause_words_node
from .checking.check_calls import Assess
from .checking.danger_watch import DangerWatch, SafetyHook
from .coarse_emotion import coarse_emotion_node
from .confirm_emotion import confirm_emotion_node
from .crisis_reply import crisis_reply_node
from .deciding.fit_registry import FitRegistry, resolve_fit
from .draft_response import draft_response_node
from .drafting.early_replies import EarlyReplies
from .fine_emotion import fine_emotion_node
from .human_takeover import human_takeover_node
from .judging.judge import Judge
from .recall import recall_node
from .remember import remember
from .safety_check import safety_node
from .sem_emotion import sem_emotion_node
from .support.transcript import to_dialogue

__all__ = [
    "RETRY",
    "Assess",
    "DangerWatch",
    "EarlyReplies",
    "FitRegistry",
    "Judge",
    "SafetyHook",
    "cause_words_node",
    "coarse_emotion_node",
    "confirm_emotion_node",
    "crisis_reply_node",
    "draft_response_node",
    "fine_emotion_node",
    "human_takeover_node",
    "recall_node",
    "remember",
    "resolve_fit",
    "safety_node",
    "sem_emotion_node",
    "to_dialogue",
]
