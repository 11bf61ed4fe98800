"""`hef reply`: one turn, from a sentence to a reply."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..build_graph import build_graph, parse_primary, preload_llm, require_text, run_context
from ..error_messages import sentence

if TYPE_CHECKING:
    from .display import TurnDisplay
    from .events import Replied

TextArgument = Annotated[str, typer.Argument(help="What the person says.", metavar="TEXT", show_default=False)]


def reply(
    text: TextArgument,
    model: options.ModelOption = None,
    sem: options.SemOption = None,
    threads: options.ThreadsOption = None,
    strategy: options.StrategyOption = "two_stage",
    primary: options.PrimaryOption = 5,
    max_requeries: options.RequeriesOption = 1,
    user: options.UserOption = None,
    no_memory: options.NoMemoryOption = False,
    home: options.HomeOption = None,
    persona: options.PersonaOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Reply to one message, and show the emotion and the words behind it.

    With --user the turn is remembered, and earlier turns of that user are recalled.
    """
    said, shown = require_text(text), parse_primary(primary)
    from ..settings import settings

    chosen = settings(model=model, sem=sem, home=home, user=user, threads=threads)
    preload_llm(chosen.model)
    from .display import TurnDisplay

    with TurnDisplay(quiet=as_json, name="reply") as stage:
        person = None if no_memory else chosen.user
        context = run_context(person, strategy=strategy, primary=shown, max_requeries=max_requeries, persona=persona)
        hef = build_graph(chosen, memory=person is not None)
        try:
            done = asyncio.run(_turn(hef, said, context, stage))
        except Exception as error:
            if as_json and (understood := understanding_json(error)):
                typer.echo(json.dumps(understood, ensure_ascii=False))
            raise
    if as_json:
        typer.echo(as_line(done))
        return
    from ..render import left_out

    left_out(stage.console, done.empathy)


def as_line(done: Replied) -> str:
    """Return one turn as one line of JSON."""
    return json.dumps({"empathy": done.empathy.model_dump(mode="json"), "reply": done.reply}, ensure_ascii=False)


def understanding_json(error: Exception) -> dict[str, Any]:
    """Return what is printed of a turn that failed after the emotion was understood, else nothing."""
    empathy = getattr(error, "empathy", None)
    return {"empathy": empathy.model_dump(mode="json"), "reply": None, "error": sentence(error)} if empathy else {}


async def _turn(hef: Any, said: str, context: Any, stage: TurnDisplay) -> Replied:
    from langchain_core.messages import HumanMessage

    from ...nodes import to_dialogue
    from ..render import understanding
    from .events import EmotionDecided, stream_turn

    messages: list[Any] = [HumanMessage(said)]
    async for event in stream_turn(hef, messages, context):
        if isinstance(event, EmotionDecided):
            stage.pause()
            stage.console.print()
            understanding(stage.console, event.empathy, to_dialogue(messages))
            stage.console.print()
        stage.take(event)
    return stage.done
