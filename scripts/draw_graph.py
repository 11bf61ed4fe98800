"""Draw the graph, and one turn through it: `python scripts/draw_graph.py docs/figures` (needs the extra `train`)."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from hef.graph import HefContext, create_hef
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

CENTERS = {
    "__start__": (5.0, 11.25),
    "safety": (5.0, 10.2),
    "crisis_reply": (13.2, 8.55),
    "human_takeover": (10.3, 5.35),
    "recall": (2.45, 8.55),
    "sem_emotion": (7.55, 8.55),
    "coarse_emotion": (5.0, 6.9),
    "fine_emotion": (5.0, 5.35),
    "confirm_emotion": (7.55, 3.8),
    "cause_words": (2.45, 3.8),
    "draft_response": (5.0, 2.2),
    "remember": (13.2, 2.2),
    "__end__": (13.2, 1.15),
}
"""Center of each node's box."""
EDGE_OFFSETS = {("sem_emotion", "coarse_emotion"): -0.45, ("coarse_emotion", "sem_emotion"): 0.45}
"""Horizontal offset of an edge from the line between two centers."""
SIZE, SMALL = (2.35, 0.57), (0.5, 0.14)
"""Half width and half height of a box, and of start and end."""
INK, FAINT, PAPER, MARK, FORM = "#1f2933", "#9aa5b1", "#f5f7fa", "#d9480f", "#0b6e99"
MESSAGE = "I waited for three hours and nobody came."


def main() -> None:
    """Write `graph.png` and `graph_turn.png` into the folder of the first argument."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    hef = create_hef().compile(name="hef")
    draw(hef, folder / "graph.png", node_forms(hef))
    turn = disagreeing_turn()
    draw(hef, folder / "graph_turn.png", turn["texts"], turn["edges"])


def node_forms(hef: Any) -> dict[str, str]:
    """Return for each node its sentence and the settings on its form."""
    texts: dict[str, str] = {}
    for name, node in hef.get_graph().nodes.items():
        if node.metadata:
            fields = HefContext.model_json_schema()["properties"]
            form = [setting for setting, field in fields.items() if name in field["langgraph_nodes"]]
            texts[name] = f"{node.metadata['description']}\n{abbreviate(form) or '–'}"
    return texts


def abbreviate(settings: Iterable[str]) -> str:
    """Return settings in one line, grouped by common prefix."""
    names = list(settings)
    groups = {prefix: [name for name in names if name.startswith(prefix)] for prefix in ("memory_", "prompt_")}
    short = [name for name in names if not name.startswith(tuple(groups))]
    short += [
        f"{prefix}{{{','.join(name.removeprefix(prefix) for name in group)}}}"
        for prefix, group in groups.items()
        if group
    ]
    return ", ".join(short)


def disagreeing_turn() -> dict[str, Any]:
    """Run a turn on which SEM and LLM disagree and a person chooses; return its explanations and its edges."""
    config: Any = {"configurable": {"thread_id": "figure"}}
    context = HefContext(primary=1, confirm_emotion=True)
    hef = create_hef().compile(checkpointer=InMemorySaver())
    nodes: list[str] = ["__start__"]
    for graph_input in ({"messages": [("user", MESSAGE)]}, Command(resume="disappointed")):
        for update in hef.stream(graph_input, config, context=context, stream_mode="updates"):
            nodes += [name for name in update if not name.startswith("__")]
    state = hef.get_state(config).values
    texts = {"__start__": f'"{MESSAGE}"', **state["explanations"], "draft_response": state["messages"][-1].text}
    return {"texts": texts, "edges": edges_taken(hef, nodes)}


def edges_taken(hef: Any, nodes: list[str]) -> set[tuple[str, str]]:
    """Return the edges that a turn took: those whose target ran after their source."""
    edges = {(edge.source, edge.target) for edge in hef.get_graph().edges}
    last = {name: step for step, name in enumerate(nodes)}
    targets = {**last, "__end__": len(nodes)}
    skipped = {("fine_emotion", "cause_words")} if "confirm_emotion" in last else set()
    requeried = nodes.count("sem_emotion") > 1
    return {
        (source, target)
        for source, target in edges - skipped
        if source in last and target in targets and (last[source] < targets[target] or requeried)
    }


def draw(hef: Any, file: Path, texts: Mapping[str, str], taken: Collection[tuple[str, str]] | None = None) -> None:
    """Draw the nodes with one text each, and the edges; what a turn did not take is pale."""
    figure, axes = pyplot.subplots(figsize=(12.4, 8.9))
    axes.set(xlim=(0, 15.7), ylim=(1.0, 11.4))
    axes.axis("off")
    drawn = hef.get_graph()
    for edge in drawn.edges:
        marked = taken is not None and (edge.source, edge.target) in taken
        arrow(axes, edge.source, edge.target, dashed=edge.conditional, colour=MARK if marked else FAINT)
    for name in drawn.nodes:
        box(axes, name, texts.get(name, ""), pale=taken is not None and all(name not in edge for edge in taken))
    figure.savefig(file, dpi=78, bbox_inches="tight", metadata={"Description": graph_as_text(hef), "Software": None})
    pyplot.close(figure)


def graph_as_text(hef: Any) -> str:
    """Return what the picture shows as text, which tells whether it is up to date."""
    return "\n".join([hef.get_graph().draw_mermaid(with_styles=False), *map(": ".join, node_forms(hef).items())])


def box(axes: Axes, name: str, text: str, *, pale: bool) -> None:
    """Draw one node: its name, and a text whose second line is coloured."""
    x, y = CENTERS[name]
    if name.startswith("__"):
        axes.text(x, y, text or name.strip("_"), ha="center", va="center", color=INK, size=9)
        return
    (half, high), ink = SIZE, FAINT if pale else INK
    frame = "round,pad=0,rounding_size=0.12"
    axes.add_patch(FancyBboxPatch((x - half, y - high), 2 * half, 2 * high, frame, facecolor=PAPER, edgecolor=ink))
    axes.text(x, y + 0.4, name, ha="center", va="center", color=ink, size=10, weight="bold")
    first, _, second = text.partition("\n")
    lines = [(line, ink) for line in wrap_text(first)] + [(line, FORM) for line in wrap_text(second)]
    for row, (line, colour) in enumerate(lines[:5]):
        axes.text(x, y + 0.17 - 0.155 * row, line, ha="center", va="center", color=colour, size=6.8)


def wrap_text(text: str) -> list[str]:
    """Wrap a text to lines that fit into a box."""
    return textwrap.wrap(text, 58)


def arrow(axes: Axes, source: str, target: str, *, dashed: bool, colour: str) -> None:
    """Draw one edge from border to border."""
    offset = EDGE_OFFSETS.get((source, target), 0.0)
    ends = [(x + offset, y) for x, y in (border(source, target), border(target, source))]
    line = {"linestyle": "--" if dashed else "-", "linewidth": 1.8 if colour == MARK else 1.1, "color": colour}
    axes.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=12, shrinkA=0, shrinkB=1, **line))


def border(name: str, other: str) -> tuple[float, float]:
    """Return where the line to another node's center leaves a node's box."""
    (x, y), (to_x, to_y) = CENTERS[name], CENTERS[other]
    half, high = SMALL if name.startswith("__") else SIZE
    fraction = min(half / abs(to_x - x) if to_x != x else 9, high / abs(to_y - y) if to_y != y else 9)
    return x + (to_x - x) * fraction, y + (to_y - y) * fraction


if __name__ == "__main__":
    main()
