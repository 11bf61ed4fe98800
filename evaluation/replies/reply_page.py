"""The figures of replies as a page of Markdown, and the rows that its table and the terminal's share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ..metrics import Estimate
from .replier import Reply
from .reply_metrics import ReplyFigures
from .reply_samples import ReplySample

Cell: TypeAlias = tuple[str, str]
"""A figure, and half the width of its interval."""
NAMES: Mapping[str, str] = {
    "hef": "HEF",
    "no_causes": "no causes",
    "no_emotion": "no emotion",
    "plain": "LLM alone",
    "human": "human",
}
_NONE: Cell = ("–", "")


def _share(held: Estimate | None) -> Cell:
    return (f"{held.value:.1%}", f"±{50 * (held.high - held.low):.1f}") if held else _NONE


def _number(places: int) -> Callable[[Estimate | None], Cell]:
    def cell(held: Estimate | None) -> Cell:
        return (f"{held.value:.{places}f}", f"±{(held.high - held.low) / 2:.{places}f}") if held else _NONE

    return cell


ROWS: Sequence[tuple[str, Callable[[ReplyFigures], Cell]]] = (
    ("perplexity, token", lambda held: _number(1)(held.perplexity)),
    ("perplexity, word", lambda held: _number(1)(held.word_perplexity)),
    ("distinct-1", lambda held: (f"{held.distinct1:.3f}", "")),
    ("distinct-2", lambda held: (f"{held.distinct2:.3f}", "")),
    ("BLEU", lambda held: _number(2)(held.bleu)),
    ("similarity", lambda held: _number(3)(held.similarity)),
    ("emotion match", lambda held: _share(held.emotion_match)),
    ("emotion lift", lambda held: _number(3)(held.emotion_lift)),
    ("cause words", lambda held: _share(held.uptake)),
    ("words", lambda held: _number(1)(held.words)),
    ("sentences", lambda held: _number(2)(held.sentences)),
    ("1-3 sentences", lambda held: _share(held.brief)),
    ("as the person", lambda held: _share(held.as_person)),
    ("as an AI", lambda held: _share(held.as_ai)),
    ("turns degraded", lambda held: _NONE if held.variant == "human" else (str(held.degraded), "")),
    ("seconds", lambda held: _NONE if held.seconds is None else (f"{held.seconds:.2f}", "")),
)
MEANINGS = (
    "Perplexity: exp of the mean negative log-likelihood of the human reply under the LLM, given the prompt of each "
    "way to reply; by token of the LLM's tokenizer, and the same sum by word; the token that ends a reply is not "
    "counted. – where the LLM cannot score.",
    "Distinct-1/2: different words and marks (pairs of them) over all of them in all replies together; it falls with "
    "longer replies and more samples.",
    "BLEU: sacrebleu's corpus BLEU-4 against the one human reply, lower case, 13a tokens, exponential smoothing.",
    "Similarity: mean cosine of the SEM's sentence vectors of the reply and the human reply.",
    "Emotion match: how often the SEM, reading the dialogue continued with the reply as the listener's turn, puts the "
    "speaker's true emotion first; without any reply it is right as often as said above the table. Emotion lift: mean "
    "change of ln p(true emotion), in nats, by the reply. The SEM that judges here is the one that HEF's prompt "
    "quotes, which favours HEF: read both beside the human row.",
    "Cause words: mean share of the content words in the cause words that HEF's prompt shows which occur in "
    "the reply, as the word or by its Snowball stem; the same words for every way to reply.",
    'As the person: takes over something of theirs ("my dog" after their "my dog"), or at least half of its sentences '
    'tell of itself, without "you", a question or a listener\'s phrase ("I am sorry", "I hope"). As an AI: "as an AI", '
    '"I\'m sorry, but I can\'t", "how can I help you" and the like. Rules of thumb: the human row is their error.',
    "No causes, no emotion: HEF with that part left out of the prompt of the reply; the understanding is the same.",
    "Intervals: 95%, bootstrap over whole conversations.",
)


def page(
    figures: Sequence[ReplyFigures],
    context: Estimate,
    settings: Mapping[str, Any],
    examples: Sequence[tuple[ReplySample, Mapping[str, Reply]]],
) -> str:
    """Return the report as Markdown.

    Args:
        figures: One a variant.
        context: How often the SEM is right without any reply.
        settings: What is needed to take the figures again, and the seals of exported files.
        examples: Samples with their replies, shown in full.
    """
    first = figures[0]
    lines = [
        "# Replies",
        "",
        f"{first.samples:,} listener turns of {first.conversations:,} conversations. The SEM reads the true emotion of "
        f"{_plain(_share(context))} of the dialogues without any reply.",
        "",
        *(f"- {name}: {_shown(held)}" for name, held in settings.items()),
        "",
        *_table(["", *(NAMES[held.variant] for held in figures)], _cells(figures)),
        "",
        *_gains(figures),
        "## What each figure is",
        "",
        *(f"- {meaning}" for meaning in MEANINGS),
        "",
        "## Examples",
        "",
        *(line for sample, replies in examples for line in _example(sample, replies)),
    ]
    return "\n".join(lines)


def _cells(figures: Sequence[ReplyFigures]) -> list[list[str]]:
    return [[name, *(_plain(cell(held)) for held in figures)] for name, cell in ROWS]


def _gains(figures: Sequence[ReplyFigures]) -> list[str]:
    """Return a table of paired differences from the LLM alone."""
    others = [held for held in figures if held.gains]
    names = list(dict.fromkeys(name for held in others for name in held.gains))
    rows = [[name.replace("_", " "), *(_difference(name, held.gains.get(name)) for held in others)] for name in names]
    heads = ["against the LLM alone", *(NAMES[held.variant] for held in others)]
    return ["## Differences on the same samples", "", *_table(heads, rows), ""]


def _difference(name: str, held: Estimate | None) -> str:
    if held is None:
        return "–"
    if name == "perplexity":
        return f"×{held.value:.3f} ({held.low:.3f} to {held.high:.3f})"
    return f"{held.value:+z.3f} ({held.low:+z.3f} to {held.high:+z.3f})"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (heads, ["---", *["---:"] * (len(heads) - 1)], *rows)]


def _example(sample: ReplySample, replies: Mapping[str, Reply]) -> list[str]:
    said = [f"> {turn.role}: {_line(turn.text)}" for turn in sample.turns]
    made = [f"- {NAMES[variant]}: {_line(reply.text)}" for variant, reply in replies.items()]
    read = f"{sample.id}, {sample.emotion}; HEF read {replies['hef'].emotion} from {', '.join(replies['hef'].causes)}"
    return [f"**{read}**", "", *said, "", *made, f"- {NAMES['human']}: {_line(sample.reply)}", ""]


def _plain(cell: Cell) -> str:
    return " ".join(filter(None, cell))


def _shown(held: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in held.items()) if isinstance(held, Mapping) else str(held)


def _line(text: str) -> str:
    return " ".join(text.split())
