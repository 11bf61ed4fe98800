"""Compare the embedded LLM's default backend with transformers: speed, memory and agreement.

Run it on a quiet machine, after `make setup`: `python -m hef.bench.local_engine`. Each backend is
measured in a process of its own; the best of several runs counts, since other load only slows a run
down. Rates per CPU second show what one core does even then. The default backend generates the greedy
texts; another one reads each in one pass, which shows whether it would have generated the same.
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
from ..contract.settings.dialogue_limit import question_limit
from ..llm.engine.engine import Engine
from ..llm.engine.sampling import Sampling, make_sampler
from ..llm.scoring import log_likelihoods
from ..llm.weights.loading import Precision, load
from ..prompts import SCORE_PREFIX, Prompts, score_messages
from ..sem import EMPATHETIC_DIALOGUES
from .synthetic_dialogues import contexts

PRECISIONS: dict[str, Precision] = {
    "onnx": "auto",
    "transformers bfloat16": "bfloat16",
    "transformers float32": "float32",
}
REPETITION_PENALTY = 1.1


def main() -> None:
    """Print one table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="embedded", choices=["embedded", "embedded-plain"])
    parser.add_argument("--engines", nargs="*", default=list(PRECISIONS), choices=list(PRECISIONS))
    parser.add_argument("--prompts", type=int, default=50, help="prompts whose greedy text is compared; 0 for none")
    parser.add_argument("--tokens", type=int, default=40, help="longest text that is compared")
    parser.add_argument("--runs", type=int, default=5, help="the best of this many runs counts")
    parser.add_argument("--threads", type=int, help="default: the library's choice")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", choices=list(PRECISIONS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure_engine(options)))
        return
    results: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(["onnx", *options.engines]):
        results[name] = measure_in_subprocess(name, results.get("onnx", {}).get("texts", []))
    reference = results.get("transformers float32", {}).get("scores")
    for figures in results.values():
        del figures["texts"]
        figures |= agreement(scores, reference) if (scores := figures.pop("scores")) and reference else {}
    print(json.dumps(results, indent=1) if options.json else table(results))


def measure_in_subprocess(name: str, texts: list[list[int]]) -> dict[str, Any]:
    """Return the figures, texts and label scores of a backend, measured with the same arguments."""
    command = [sys.executable, "-m", "hef.bench.local_engine", *sys.argv[1:], "--one", name]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, input=json.dumps(texts).encode())
    figures: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return figures


def measure_engine(options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures, texts and label scores of one backend."""
    started = time.perf_counter()
    backend = load(options.model, precision=PRECISIONS[options.one], threads=options.threads)
    engine = Engine(lambda: backend, prefix_cache_tokens=4096)
    engine.start([1])
    figures: dict[str, Any] = {"load, s": time.perf_counter() - started}
    heads = [
        engine.prompter.text(question(dialogue), prefix=SCORE_PREFIX) for dialogue in contexts(max(options.prompts, 8))
    ]
    figures |= rates(engine, options.runs) | scoring_times(engine, heads, options.runs)
    figures["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    prompts = [engine.encode(engine.prompter.text(conversation(dialogue))) for dialogue in contexts(options.prompts)]
    texts = json.loads(sys.stdin.read()) or [greedy(engine, prompt, options.tokens) for prompt in prompts]
    if texts:
        is_same = [would_generate(engine, prompt, text) for prompt, text in zip(prompts, texts, strict=True)]
        figures["writes the texts of onnx"] = sum(is_same) / len(is_same)
    scores = [log_likelihoods(engine, head, labels()) for head in heads[: options.prompts]]
    return {**figures, "texts": texts, "scores": scores}


def rates(engine: Engine, runs: int, prompt_tokens: int = 256, steps: int = 24) -> dict[str, float]:
    """Return tokens per second and per CPU second of prefilling a prompt and of decoding after it."""
    ids = engine.encode("It was a long day, and nobody knew what would come of it. " * 40)[:prompt_tokens]
    backend, best = engine.backend, dict[str, float]()

    def decode(cache: Any) -> None:
        for token in ids[:steps]:
            backend.forward([token], cache)

    for _ in range(runs):
        cache = backend.new_cache()
        for name, count, work in (
            ("prefill", prompt_tokens, lambda cache=cache: backend.forward(ids, cache)),
            ("decode", steps, lambda cache=cache: decode(cache)),
        ):
            wall, cpu = clocked(work)
            for clock, seconds in (("s", wall), ("CPU s", cpu)):
                key = f"{name}, tokens/{clock}"
                best[key] = max(best.get(key, 0.0), count / seconds)
    return best


def scoring_times(engine: Engine, heads: Sequence[str], runs: int) -> dict[str, float]:
    """Return milliseconds to score all labels after a new prompt and after a cached one."""
    uncached, cached = [], []
    for number in range(runs):
        head = heads[number % len(heads)]
        engine.clear_prefixes()
        uncached.append(clocked(partial(log_likelihoods, engine, head, labels()))[0])
        cached.append(clocked(partial(log_likelihoods, engine, head, labels()))[0])
    return {"32 labels, ms": 1000 * min(uncached), "32 labels, prefix kept, ms": 1000 * min(cached)}


def greedy(engine: Engine, prompt: list[int], max_tokens: int) -> list[int]:
    """Return the tokens of a reply, including its end token."""
    sample = make_sampler(Sampling.model_validate({"repetition_penalty": REPETITION_PENALTY}))
    state = engine.start(prompt)
    text = [sample(state.ids, state.logits)]
    while len(text) < max_tokens and text[-1] not in engine.eos_ids:
        engine.advance(state, text[-1])
        text.append(sample(state.ids, state.logits))
    return text


def would_generate(engine: Engine, prompt: list[int], text: list[int]) -> bool:
    """Return whether greedy decoding gives exactly this text."""
    sample = make_sampler(Sampling.model_validate({"repetition_penalty": REPETITION_PENALTY}))
    state = engine.start(prompt)
    logits = [state.logits, *engine.forward_branches(state, [text[:-1]])[0]]
    return all(sample([*prompt, *text[:index]], logits[index]) == token for index, token in enumerate(text))


def agreement(scores: list[list[float]], reference: list[list[float]]) -> dict[str, float]:
    """Return how far label scores agree with reference scores."""
    ours, theirs = (np.array([normalised(row) for row in rows]) for rows in (scores, reference))
    divergence = (np.exp(theirs) * (theirs - ours)).sum(1).mean()
    return {
        "same best label as float32": float(np.mean(ours.argmax(1) == theirs.argmax(1))),
        "KL of label scores to float32": float(divergence),
    }


def normalised(row: Sequence[float]) -> NDArray[np.float64]:
    """Return log-probabilities over the labels alone."""
    largest = max(row)
    return np.array(row) - largest - math.log(sum(math.exp(score - largest) for score in row))


def clocked(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds and the CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def labels() -> list[str]:
    """Return the labels that are scored."""
    return list(EMPATHETIC_DIALOGUES.labels)


def question(dialogue: Dialogue) -> list[BaseMessage]:
    """Return the prompt that asks for the emotion."""
    settings = HefContext()
    return score_messages(Prompts(), dialogue, settings.persona, question_limit(settings.dialogue_limit))


def conversation(dialogue: Dialogue) -> list[BaseMessage]:
    """Return the dialogue as a chat."""
    turns = [HumanMessage(turn.text) if turn.role == "speaker" else AIMessage(turn.text) for turn in dialogue]
    return [SystemMessage("You are a warm friend. Answer in one or two short sentences."), *turns]


def table(results: dict[str, dict[str, float]]) -> str:
    """Return the figures as a table with one column per backend."""
    rows = list(dict.fromkeys(row for figures in results.values() for row in figures))
    width = max(map(len, rows))
    lines = [" " * width + "".join(f"  {name:>22}" for name in results)]
    for row in rows:
        lines.append(
            f"{row:<{width}}" + "".join(f"  {figures.get(row, math.nan):>22.4g}" for figures in results.values())
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
