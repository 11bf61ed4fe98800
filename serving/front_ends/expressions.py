"""Expressions of an avatar by the SEM: SillyTavern's 28 labels, and the addresses at which its add-on asks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...contract import Reading
from ...contract.dialogue import Turn
from ...sem import Sem
from ..api_errors import ApiError

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
ReadBody: TypeAlias = Callable[[Request], Awaitable[object]]

EXPRESSIONS = (
    *("admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire"),
    *("disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy"),
    *("love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral"),
)
"""The labels of SillyTavern's faces: those of GoEmotions (Demszky et al., ACL 2020)."""
_FACES: Mapping[str, Mapping[str, float]] = {
    "afraid": {"fear": 1.0},
    "angry": {"anger": 1.0},
    "annoyed": {"annoyance": 0.8, "disapproval": 0.2},
    "anticipating": {"curiosity": 0.5, "excitement": 0.3, "desire": 0.2},
    "anxious": {"nervousness": 1.0},
    "apprehensive": {"nervousness": 0.6, "confusion": 0.4},
    "ashamed": {"embarrassment": 0.6, "remorse": 0.4},
    "caring": {"caring": 0.8, "love": 0.2},
    "confident": {"optimism": 0.6, "approval": 0.2, "pride": 0.2},
    "content": {"joy": 0.6, "relief": 0.2, "approval": 0.2},
    "devastated": {"grief": 0.9, "sadness": 0.1},
    "disappointed": {"disappointment": 0.8, "disapproval": 0.2},
    "disgusted": {"disgust": 0.9, "disapproval": 0.1},
    "embarrassed": {"embarrassment": 1.0},
    "excited": {"excitement": 1.0},
    "faithful": {"love": 1.0},
    "furious": {"anger": 1.0},
    "grateful": {"gratitude": 0.8, "relief": 0.2},
    "guilty": {"remorse": 1.0},
    "hopeful": {"optimism": 0.8, "desire": 0.2},
    "impressed": {"admiration": 0.8, "surprise": 0.2},
    "jealous": {"desire": 0.6, "annoyance": 0.4},
    "joyful": {"joy": 0.8, "amusement": 0.2},
    "lonely": {"sadness": 1.0},
    "nostalgic": {"sadness": 0.4, "love": 0.3, "realization": 0.3},
    "prepared": {"optimism": 0.6, "approval": 0.4},
    "proud": {"pride": 1.0},
    "sad": {"sadness": 0.8, "grief": 0.2},
    "sentimental": {"love": 0.6, "sadness": 0.2, "realization": 0.2},
    "surprised": {"surprise": 0.7, "realization": 0.2, "confusion": 0.1},
    "terrified": {"fear": 1.0},
    "trusting": {"approval": 0.6, "love": 0.4},
}
"""Emotion of EmpatheticDialogues -> the faces that show it, in shares of one."""
_WORD = re.compile(r"[a-z_-]{2,40}")
_LABELS = "labels:"
"""What stands before the expressions that a prompt offers; words before it may be examples."""


def expression_scores(reading: Reading) -> dict[str, float]:
    """Return how well each expression fits what a SEM read, the best first; they sum to 1.

    Labels of another taxonomy count where they are expressions themselves; what carries no emotion is neutral.
    """
    scores = dict.fromkeys(EXPRESSIONS, 0.0)
    for emotion, probability in reading.distribution.items():
        faces = _FACES.get(emotion) or ({emotion: 1.0} if emotion in scores else {"neutral": 1.0})
        for face, share in faces.items():
            scores[face] += probability * share
    felt = 1.0 - (reading.neutral or 0.0)
    scores = {face: score * felt for face, score in scores.items()}
    scores["neutral"] += 1.0 - felt
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


def classify(sem: Sem, text: str) -> dict[str, float]:
    """Return how well each expression fits a text, the best first; a blank one is neutral."""
    if not text.strip():
        return {"neutral": 1.0, **{face: 0.0 for face in EXPRESSIONS if face != "neutral"}}
    return expression_scores(sem.read([[Turn("speaker", text)]])[0])


def best_expression(sem: Sem, text: str, prompt: str) -> str | None:
    """Return the best of the expressions that a prompt offers; None where it offers others than the SEM knows."""
    lower = prompt.lower()
    offered = {word for word in _WORD.findall(lower.rpartition(_LABELS)[2]) if word in EXPRESSIONS}
    return next((face for face in classify(sem, text) if face in offered), None)


def expression_endpoints(sem: Sem, read_body: ReadBody) -> list[tuple[str, str, Endpoint]]:
    """Return address, method and endpoint of what SillyTavern's expression add-on asks where its source is "Extras".

    Args:
        sem: What reads.
        read_body: Returns the JSON of a request.
    """

    async def modules(_: Request) -> Response:
        return JSONResponse({"modules": ["classify"]})

    async def labels(_: Request) -> Response:
        return JSONResponse({"labels": list(EXPRESSIONS)})

    async def classification(request: Request) -> Response:
        body = await read_body(request)
        text = body.get("text") if isinstance(body, dict) else None
        if not isinstance(text, str):
            raise ApiError(400, "the request has no `text`; send a JSON object with one", "invalid_text", "text")
        scores = await asyncio.to_thread(classify, sem, text)
        return JSONResponse({"classification": [{"label": face, "score": score} for face, score in scores.items()]})

    return [
        ("/api/modules", "GET", modules),
        ("/api/classify/labels", "GET", labels),
        ("/api/classify", "POST", classification),
    ]
