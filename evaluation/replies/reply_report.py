"""The metrics of replies as a Markdown report, and the rows that its table and the terminal's share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..metrics import Estimate
from ..report import markdown_table
from .replier import Reply, ReplySample
from .reply_metrics import ReplyMetrics

TITLES: Mapping[str, str] = {
    "hef": "HEF",
    "no_causes": "no causes",
    "no_emotion": "no emotion",
    "plain": "LLM alone",
    "human": "human",
}
_NONE = "–"


def _percent(estimate: Estimate | None) -> str:
    return estimate.percent() if estimate else _NONE


def _number(estimate: Estimate | None, digits: int) -> str:
    return estimate.number(digits) if estimate else _NONE


ROWS: Sequence[tuple[str, Callable[[ReplyMetrics], str]]] = (
    ("perplexity, token", lambda metrics: _number(metrics.perplexity, 1)),
    ("perplexity, word", lambda metrics: _number(metrics.word_perplexity, 1)),
    ("distinct-1", lambda metrics: f"{metrics.distinct1:.3f}"),
    ("distinct-2", lambda metrics: f"{metrics.distinct2:.3f}"),
    ("BLEU", lambda metrics: _number(metrics.bleu, 2)),
    ("similarity", lambda metrics: _number(metrics.similarity, 3)),
    ("emotion match", lambda metrics: _percent(metrics.emotion_match)),
    ("emotion lift", lambda metrics: _number(metrics.emotion_lift, 3)),
    ("cause words", lambda metrics: _percent(metrics.uptake)),
    ("words", lambda metrics: _number(metrics.words, 1)),
    ("sentences", lambda metrics: _number(metrics.sentences, 2)),
    ("1-3 sentences", lambda metrics: _percent(metrics.brief)),
    ("as the person", lambda metrics: _percent(metrics.as_person)),
    ("as an AI", lambda metrics: _percent(metrics.as_ai)),
    ("turns degraded", lambda metrics: _NONE if metrics.variant == "human" else str(metrics.degraded)),
    ("seconds", lambda metrics: _NONE if metrics.seconds is None else f"{metrics.seconds:.2f}"),
)
MEANINGS = (
    "Perplexity: exp of the mean negative log-likelihood of the human reply under the LLM, given the prompt of each "
    "variant; by token of the LLM's tokenizer, and the same sum by word; the token that ends a reply is not "
    "counted. – where the LLM cannot score.",
    "Distinct-1/2: different words and marks (pairs of them) over all of them in all replies together; it falls with "
    "longer replies and more samples.",
    "BLEU: sacrebleu's corpus BLEU-4 against the one human reply, lower case, 13a tokens, exponential smoothing.",
    "Similarity: mean cosine of the SEM's sentence vectors of the reply and the human reply.",
    "Emotion match: how often the SEM, reading the dialogue continued with the reply as the listener's turn, puts the "
    "speaker's true emotion first; without any reply it is right as often as said above the table. Emotion lift: mean "
    "change of ln p(true emotion), in nats, by the reply. The SEM that judges here is the one that HEF's prompt "
    "quotes, which favours HEF: read both beside the human row.",
    "Cause words: mean share of the content words in the cause words of HEF's prompt which occur in "
    "the reply, as the word or by its Snowball stem; the same words for every variant.",
    'As the person: takes over something of theirs ("my dog" after their "my dog"), or at least half of its sentences '
    'are about itself, without "you", a question or a listener\'s phrase ("I am sorry", "I hope"). As an AI: "as an '
    'AI", "I\'m sorry, but I can\'t", "how can I help you" and the like. Heuristics: the human row is their error.',
    "No causes, no emotion: HEF with that part removed from the prompt of the reply; the understanding is the same.",
    "Intervals: 95%, bootstrap over conversations.",
)


def report_text(
    metrics: Sequence[ReplyMetrics],
    context: Estimate,
    settings: Mapping[str, Any],
    examples: Sequence[tuple[ReplySample, Mapping[str, Reply]]],
) -> str:
    """Return the report as Markdown.

    Args:
        metrics: One per variant.
        context: How often the SEM is right without any reply.
        settings: What is needed to reproduce the metrics, and the hashes of exported files.
        examples: Samples with their replies, in full length.
    """
    first = metrics[0]
    others = [variant for variant in metrics if variant.gains]
    names = dict.fromkeys(name for variant in others for name in variant.gains)
    heading = ["", *(TITLES[variant.variant] for variant in metrics)]
    parts = [
        "# Replies",
        f"{first.samples:,} listener turns of {first.conversations:,} conversations. The SEM reads the true emotion of "
        f"{context.percent()} of the dialogues without any reply.",
        "\n".join(f"- {name}: {_format_setting(value)}" for name, value in settings.items()),
        markdown_table([heading, *([name, *(cell(variant) for variant in metrics)] for name, cell in ROWS)]),
        "## Differences on the same samples",
        markdown_table(
            [
                ["against the LLM alone", *(TITLES[variant.variant] for variant in others)],
                *([name.replace("_", " "), *(_format_gain(variant, name) for variant in others)] for name in names),
            ]
        ),
        "## What each figure is",
        "\n".join(f"- {meaning}" for meaning in MEANINGS),
        "## Examples",
        *(_format_example(sample, replies) for sample, replies in examples),
    ]
    return "\n\n".join(parts) + "\n"


def _format_gain(metrics: ReplyMetrics, name: str) -> str:
    gain = metrics.gains.get(name)
    if gain is None:
        return _NONE
    if name == "perplexity":
        return f"×{gain.value:.3f} ({gain.low:.3f} to {gain.high:.3f})"
    return gain.difference(digits=3, scale=1)


def _format_example(sample: ReplySample, replies: Mapping[str, Reply]) -> str:
    hef = replies["hef"]
    turns = [f"> {turn.role}: {_one_line(turn.text)}" for turn in sample.turns]
    lines = [f"- {TITLES[variant]}: {_one_line(reply.text)}" for variant, reply in replies.items()]
    title = f"**{sample.id}, {sample.emotion}; HEF read {hef.emotion} from {', '.join(hef.causes)}**"
    return "\n".join([title, "", *turns, "", *lines, f"- {TITLES['human']}: {_one_line(sample.reply)}"])


def _format_setting(value: Any) -> str:
    return ", ".join(f"{name} {item}" for name, item in value.items()) if isinstance(value, Mapping) else str(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())
