"""`hef reply`: one turn, from a sentence to a reply."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..build_graph import build_graph, close_memory, preload_llm, require_text
from ..characters_list import chosen_character, stated_sem, with_model
from ..error_messages import Failure, exit_code, sentence
from ..options import Json, ModelOptions, ReplyOptions, UserOptions
from ..settings import load_settings

if TYPE_CHECKING:
    from ...graph.turn_events import Replied
    from .display import TurnDisplay

Text = Annotated[str, typer.Argument(help="What the person says.", metavar="TEXT", show_default=False)]


def reply(text: Text, models: ModelOptions, options: ReplyOptions, memory: UserOptions, as_json: Json = False) -> None:
    """Reply to one message, and show emotion and causes.

    With --user the turn is remembered, and earlier turns of that user are recalled.
    """
    text = require_text(text)
    settings = load_settings(models, options, memory)
    character = chosen_character(settings, memory.character)
    settings = with_model(settings, character, models)
    preload_llm(settings.model)
    from ...contract import Turn
    from ...contract.dialogue import turn_language
    from .display import TurnDisplay

    user = None if memory.no_memory else settings.user
    context = options.reply_context(user, character, region=settings.region, remember_for=memory.remember_for)
    language = turn_language(context.language, [Turn("speaker", text)])
    with TurnDisplay(quiet=as_json, name=character.name if character else "reply", language=language) as display:
        hef = build_graph(settings, memory=user is not None, character_sem=stated_sem(character, models))
        try:
            result = asyncio.run(_run_turn(hef, text, context, display))
        except Exception as error:
            if as_json and (partial := failed_turn_json(error)):
                from ..render import json_line

                typer.echo(json_line(partial))
            raise Failure(sentence(error), exit_code(error)) from error
        finally:
            close_memory(hef)
    if as_json:
        typer.echo(turn_json(result))
        return
    from ..render import print_degraded

    print_degraded(display.console, result.empathy, language)


def turn_json(result: Replied) -> str:
    """Return one turn as one line of JSON."""
    from ..render import json_line

    return json_line({"empathy": result.empathy.model_dump(mode="json"), "reply": result.reply})


def failed_turn_json(error: Exception) -> dict[str, Any]:
    """Return the emotion and the error of a turn that failed after the emotion was decided, else nothing."""
    empathy = getattr(error, "empathy", None)
    return {"empathy": empathy.model_dump(mode="json"), "reply": None, "error": sentence(error)} if empathy else {}


async def _run_turn(hef: Any, text: str, context: Any, display: TurnDisplay) -> Replied:
    from langchain_core.messages import HumanMessage

    from ...contract.dialogue import turn_language
    from ...graph.turn_events import EmotionDecided, stream_turn
    from ...nodes import to_dialogue
    from ..render import print_empathy

    messages: list[Any] = [HumanMessage(text)]
    async for event in stream_turn(hef, messages, context):
        if isinstance(event, EmotionDecided):
            display.pause()
            display.console.print()
            dialogue = to_dialogue(messages)
            language = turn_language(context.language, dialogue)
            print_empathy(display.console, event.empathy, dialogue, memories=event.memories, language=language)
            display.console.print()
        display.show(event)
    return display.result
