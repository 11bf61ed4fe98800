"""Measure the embedded LLM's default engine beside transformers, and how far they agree.

Run it on a quiet machine, after `make setup`: `python -m hef.bench.local_engine`. Every
engine is measured in a process of its own; of several runs the best counts, since a busy machine
only ever takes time away. Rates a CPU second tell what one core does even then. The default engine
writes the greedy texts; another engine reads each in one pass, which tells whether it would write the same.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from numpy.typing import NDArray

from ..contract import Dialogue, HefContext
from ..llm.engine.engine import Engine
from ..llm.engine.sampling import Sampling, make_sampler
from ..llm.scoring import log_likelihoods
from ..llm.weights.loading import Precision, load
from ..prompts import SCORE_PREFIX, Prompts, score_messages
from ..sem import EMPATHETIC_DIALOGUES
from .synthetic_dialogues import contexts

ENGINES: dict[str, Precision] = {"onnx": "auto", "transformers bfloat16": "bfloat16", "transformers float32": "float32"}
PENALTY = 1.1


def main() -> None:
    """Print one table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="embedded", choices=["embedded", "embedded-plain"])
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--prompts", type=int, default=50, help="prompts whose greedy text is compared; 0 for none")
    parser.add_argument("--tokens", type=int, default=40, help="longest text that is compared")
    parser.add_argument("--runs", type=int, default=5, help="the best of so many counts")
    parser.add_argument("--threads", type=int, help="default: the library's choice")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", choices=list(ENGINES), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measured(chosen)))
        return
    found: dict[str, dict[str, Any]] = {}
    for engine in dict.fromkeys(["onnx", *chosen.engines]):
        found[engine] = in_its_own_process(engine, found.get("onnx", {}).get("texts", []))
    expected = found.get("transformers float32", {}).get("scores")
    for figures in found.values():
        del figures["texts"]
        figures |= agreement(scores, expected) if (scores := figures.pop("scores")) and expected else {}
    print(json.dumps(found, indent=1) if chosen.json else table(found))


def in_its_own_process(engine: str, texts: list[list[int]]) -> dict[str, Any]:
    """Return the figures of an engine, measured with the same arguments, and what is compared."""
    command = [sys.executable, "-m", "hef.bench.local_engine", *sys.argv[1:], "--one", engine]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, input=json.dumps(texts).encode())
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measured(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one engine."""
    started = time.perf_counter()
    network = load(chosen.model, precision=ENGINES[chosen.one], threads=chosen.threads)
    engine = Engine(lambda: network, kept_tokens=4096)
    engine.start([1])
    figures: dict[str, Any] = {"load, s": time.perf_counter() - started}
    judged = [
        engine.prompter.text(question(dialogue), prefix=SCORE_PREFIX) for dialogue in contexts(max(chosen.prompts, 8))
    ]
    figures |= rates(engine, chosen.runs) | scoring(engine, judged, chosen.runs)
    figures["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    asked = [engine.encode(engine.prompter.text(conversation(dialogue))) for dialogue in contexts(chosen.prompts)]
    texts = json.loads(sys.stdin.read()) or [greedy(engine, ids, chosen.tokens) for ids in asked]
    if texts:
        same = [would_write(engine, ids, text) for ids, text in zip(asked, texts, strict=True)]
        figures["writes the texts of onnx"] = sum(same) / len(same)
    scores = [log_likelihoods(engine, head, labels()) for head in judged[: chosen.prompts]]
    return {**figures, "texts": texts, "scores": scores}


def rates(engine: Engine, runs: int, prompt: int = 256, steps: int = 24) -> dict[str, float]:
    """Return tokens a second and a CPU second, reading a prompt and decoding behind it."""
    ids = engine.encode("It was a long day, and nobody knew what would come of it. " * 40)[:prompt]
    network, found = engine.backend, dict[str, float]()

    def decode(cache: Any) -> None:
        for token in ids[:steps]:
            network.forward([token], cache)

    for _ in range(runs):
        cache = network.new_cache()
        for name, count, work in (
            ("prefill", prompt, lambda cache=cache: network.forward(ids, cache)),
            ("decode", steps, lambda cache=cache: decode(cache)),
        ):
            wall, cpu = clocked(work)
            for clock, seconds in (("s", wall), ("CPU s", cpu)):
                key = f"{name}, tokens/{clock}"
                found[key] = max(found.get(key, 0.0), count / seconds)
    return found


def scoring(engine: Engine, heads: Sequence[str], runs: int) -> dict[str, float]:
    """Return milliseconds to score all labels after a prompt, first seen and seen before."""
    first, again = [], []
    for number in range(runs):
        head = heads[number % len(heads)]
        engine._caches.clear()
        first.append(clocked(partial(log_likelihoods, engine, head, labels()))[0])
        again.append(clocked(partial(log_likelihoods, engine, head, labels()))[0])
    return {"32 labels, ms": 1000 * min(first), "32 labels, prefix kept, ms": 1000 * min(again)}


def greedy(engine: Engine, prompt: list[int], longest: int) -> list[int]:
    """Return the tokens of a reply, its end included."""
    pick = make_sampler(Sampling.model_validate({"repetition_penalty": PENALTY}))
    state = engine.start(prompt)
    written = [pick(state.ids, state.logits)]
    while len(written) < longest and written[-1] not in engine.eos_ids:
        engine.advance(state, written[-1])
        written.append(pick(state.ids, state.logits))
    return written


def would_write(engine: Engine, prompt: list[int], text: list[int]) -> bool:
    """Tell whether greedy decoding gives exactly this text."""
    pick = make_sampler(Sampling.model_validate({"repetition_penalty": PENALTY}))
    state = engine.start(prompt)
    logits = [state.logits, *engine.forward_branches(state, [text[:-1]])[0]]
    return all(pick([*prompt, *text[:at]], logits[at]) == token for at, token in enumerate(text))


def agreement(found: list[list[float]], expected: list[list[float]]) -> dict[str, float]:
    """Return how far label scores agree."""
    ours, theirs = (np.array([normalised(row) for row in scores]) for scores in (found, expected))
    divergence = (np.exp(theirs) * (theirs - ours)).sum(1).mean()
    return {
        "same best label as float32": float(np.mean(ours.argmax(1) == theirs.argmax(1))),
        "KL of label scores to float32": float(divergence),
    }


def normalised(row: Sequence[float]) -> NDArray[np.float64]:
    """Return log-probabilities over the labels alone."""
    top = max(row)
    return np.array(row) - top - math.log(sum(math.exp(score - top) for score in row))


def clocked(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds and the CPU seconds that work takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def labels() -> list[str]:
    """Return the labels that are scored."""
    return list(EMPATHETIC_DIALOGUES.labels)


def question(dialogue: Dialogue) -> list[BaseMessage]:
    """Return the prompt that asks for the emotion."""
    settings = HefContext()
    return score_messages(Prompts(), dialogue, settings.persona, settings.dialogue_limit)


def conversation(dialogue: Dialogue) -> list[BaseMessage]:
    """Return the dialogue as a chat."""
    said = [HumanMessage(turn.text) if turn.role == "speaker" else AIMessage(turn.text) for turn in dialogue]
    return [SystemMessage("You are a warm friend. Answer in one or two short sentences."), *said]


def table(found: dict[str, dict[str, float]]) -> str:
    """Return the figures with one column an engine."""
    names = list(dict.fromkeys(name for figures in found.values() for name in figures))
    wide = max(map(len, names))
    lines = [" " * wide + "".join(f"  {engine:>22}" for engine in found)]
    for name in names:
        lines.append(
            f"{name:<{wide}}" + "".join(f"  {figures.get(name, math.nan):>22.4g}" for figures in found.values())
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
