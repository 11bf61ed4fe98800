"""A network that reads a turn in its dialogue, where no single word tells the danger: two layers over the shipped SEM.

It is asked after the linear model, and only where that sees some possibility or a rule claims danger, so most turns
cost nothing more. Where its file or the SEM cannot be loaded, or it fails, the linear model decides alone.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from math import exp, log
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..contract import Dialogue, Turn
from ..contract.cpu_inference import cpu_threads, open_session
from ..contract.dialogue import DialogueCache
from ..contract.numerics import Array, softmax
from ..contract.safety import SafetyLevel
from ..sem.registry import shipped_sem
from ..sem.runtime.encoding import pad
from ..sem.runtime.manifest import FEATURES
from ..sem.runtime.onnx_sem import OnnxSem
from .risk_features import RiskEvidence
from .risk_model import KINDS, Risk, load_risk_model

LevelsAndKinds: TypeAlias = tuple[Array, Array]
"""Probabilities of the levels, from harmless to grave, and of the kinds."""
NETWORK = Path(__file__).with_name("risk_head.onnx")
OUTPUTS = ("levels", "kinds")
"""Logits of the levels, from harmless to grave, [batch, levels], and of what it is about, [batch, kinds]."""
HEAD_TURNS = 5
"""Turns that the network reads, the last one being the person's."""
HEAD_TOKENS = 128
"""Tokens that it reads at most."""
HEAD_CHARACTERS = {True: 100, False: 400}
"""Characters of a turn, Chinese or not, that surely are no more tokens; a longer one is read in pieces."""
ASK_FROM = 0.005
"""Probability of concern or danger by the linear model from which on the network is asked."""
MIN_PROBABILITY = 1e-4
"""In a mean of log odds a probability nearer to 0 or 1 than this counts as this near."""
CONCERN_FROM, DANGER_FROM = 0.5, 0.35
"""Probabilities, by the weighted mean of the log odds of both, from which on a turn is raised."""
HEAD_SHARE = 0.7
"""Weight of the network's log odds; those of the linear model have the rest."""
WHOLE_SHARE = 0.7
"""Weight of the network's reading of a whole turn; its worst part has the rest, or all of a turn that is cut."""
HARMLESS_FROM, LINEAR_DANGER_BELOW = 0.9, 0.3
"""A rule's claim of danger is doubted where the network gives no risk at least the first probability in each part of a
turn that it read whole, and the linear model danger less than the second."""
FINGERPRINT, FINGERPRINT_TEXT = "features", "The quick brown fox jumps over the lazy dog. 你好。"
"""Entry of the network's metadata: the mean features of a text, by which the SEM is known that it was trained on."""
SAME_FEATURES = 0.98
"""Cosine from which on features count as those of the same SEM: processors round differently."""
CACHED_READINGS = 512
"""Readings that are kept: the node looks at the turn before again, in each turn."""
_LOG = logging.getLogger("hef.safety")


class RiskHead:
    """Read levels and kind of the risk in the last turn of a dialogue.

    Args:
        sem: Gives the features of the tokens.
        network: The `.onnx` file that was trained on these.

    Raises:
        ValueError: The file is missing or damaged, or was trained on the features of another SEM.
    """

    def __init__(self, sem: OnnxSem, network: Path) -> None:
        self._sem = sem
        self._readings = DialogueCache[LevelsAndKinds](CACHED_READINGS)
        self._session: Any = open_session(network, threads=cpu_threads(None))
        known = np.array(json.loads(self._session.get_modelmeta().custom_metadata_map.get(FINGERPRINT, "[]")))
        actual = mean_features(sem)
        if known.shape != actual.shape or known @ actual < SAME_FEATURES * np.linalg.norm(known):
            raise ValueError(f"{network.name} was trained on another SEM; train it anew with `hef train risk-head`")

    def read(self, turns: Dialogue) -> LevelsAndKinds:
        """Return the probabilities of the levels, from harmless to grave, and of the kinds.

        Args:
            turns: The last one is the person's; of them the last `HEAD_TURNS` are read.
        """
        newest = turns[-HEAD_TURNS:]
        if (known := self._readings.get(newest)) is not None:
            return known
        encoded, features = self._sem.token_features(newest, HEAD_TOKENS)
        arrays = pad([encoded])
        inputs = {FEATURES: features[None], **{name: arrays[name] for name in ("input_ids", "attention_mask")}}
        levels, kinds = self._session.run(OUTPUTS, inputs)
        reading = softmax(levels[0]), softmax(kinds[0])
        if not np.isfinite(np.concatenate(reading)).all():
            raise ValueError("the network gave no probabilities")
        self._readings.put(newest, reading)
        return reading


def mean_features(sem: OnnxSem) -> NDArray[np.float32]:
    """Return the mean features of `FINGERPRINT_TEXT`, a vector of length 1."""
    _, features = sem.token_features([Turn("speaker", FINGERPRINT_TEXT)], HEAD_TOKENS)
    mean = features.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def read_risk(evidence: RiskEvidence, turns: Dialogue, head: RiskHead | None = None) -> Risk:
    """Return the risk in the last turn by the weighted mean of the log odds of linear model and network.

    Args:
        evidence: What the rules read in that turn.
        turns: The dialogue up to that turn; without one the linear model decides alone.
        head: Another network than the one that ships.
    """
    risk = load_risk_model().read(evidence)
    is_claimed = any(finding.level == "danger" for finding in evidence.findings)
    if not turns or (risk.concern < ASK_FROM and not is_claimed) or not (head := head or load_risk_head()):
        return risk
    try:
        parts = list(_parts(turns, evidence, risk))
        readings = [_worst(map(head.read, pieces)) for pieces in parts]
    except Exception as error:  # ONNX Runtime's errors share no narrower base; nothing may end a turn in danger
        _LOG.warning("danger is read by the linear model alone: %s", error)
        return risk
    worst, kinds = _worst(readings)
    is_cut = len(parts[0]) > 1  # what stands between its beginning and its end was not read
    whole = worst if is_cut else readings[0][0]
    by_head = WHOLE_SHARE * whole + (1 - WHOLE_SHARE) * worst
    concern = _mean_odds(1 - float(by_head[0]), risk.concern)
    danger = _mean_odds(float(by_head[-1]), risk.danger)
    level: SafetyLevel = "none"
    if danger >= DANGER_FROM:
        level = "danger"
    elif concern >= CONCERN_FROM:
        level = "concern"
    least_harmless = float(min(levels[0] for levels, _ in readings))
    is_harmless = not is_cut and least_harmless >= HARMLESS_FROM and risk.danger < LINEAR_DANGER_BELOW
    kind = KINDS[int(kinds.argmax())]
    return replace(risk, level=level, concern=concern, danger=danger, kind=kind, is_harmless=is_harmless)


def _worst(readings: Iterable[LevelsAndKinds]) -> LevelsAndKinds:
    """Return the reading with the most danger."""
    return max(readings, key=lambda reading: (reading[0][-1], -reading[0][0]))


def _mean_odds(by_head: float, by_model: float) -> float:
    """Return the probability whose log odds are the weighted mean of those of the network and of the linear model."""
    by_head, by_model = (min(max(one, MIN_PROBABILITY), 1 - MIN_PROBABILITY) for one in (by_head, by_model))
    log_odds = HEAD_SHARE * log(by_head / (1 - by_head)) + (1 - HEAD_SHARE) * log(by_model / (1 - by_model))
    return 1 / (1 + exp(-log_odds))


def _parts(turns: Dialogue, evidence: RiskEvidence, risk: Risk) -> Iterator[list[Dialogue]]:
    """Yield a dialogue with its last turn as it is, and with the sentences alone in which the linear model sees most.

    Each is one dialogue, or where the text is too long for the network two: with its beginning, and with its end.
    """
    *before, last = turns
    texts = [last.text]
    if risk.sentences != evidence.reading.sentences:
        texts.append(" ".join(map(evidence.reading.quote, risk.sentences)))
    most = HEAD_CHARACTERS[any(sentence.is_chinese for sentence in evidence.reading.sentences)]
    for text in texts:
        pieces = [text] if len(text) <= most else [text[:most], text[-most:]]
        yield [(*before, Turn(last.role, piece)) for piece in pieces]


@lru_cache(maxsize=1)
def load_risk_head() -> RiskHead | None:
    """Return the network that ships; None, and a line in the log, where it or the shipped SEM cannot be loaded."""
    try:
        return RiskHead(shipped_sem(), NETWORK)
    except Exception as error:  # ONNX Runtime's errors share no narrower base; nothing may end a turn in danger
        _LOG.warning("danger is read without the network: %s", error)
        return None


if hasattr(os, "register_at_fork"):  # a child has none of the threads of its parent's session
    os.register_at_fork(after_in_child=load_risk_head.cache_clear)
