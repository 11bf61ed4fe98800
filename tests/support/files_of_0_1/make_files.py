"""Write files with hef 0.1.0: `python make_files.py FOLDER`, in an environment that has it."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

from hef.contract import Fit, RecallWeights
from hef.contract.fit import Origin
from hef.finetuning.recipe import AdapterRecipe
from hef.graph import HefContext, create_hef, open_store
from hef.sem.training.recipe import Recipe
from hef.sem.training.run_folder import RunFolder
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver

CONVERSATIONS = {
    "sad": [
        "My dog Bello died last night.",
        "I am so sorry. How old was he?",
        "He was twelve and waited for me at the door every day.",
        "He must have loved you a lot.",
    ],
    "proud": [
        "My son won the race today!",
        "That is wonderful, you must be proud.",
        "I am, he trained the whole year.",
        "He earned it.",
    ],
}
CONTEXT = HefContext(user_id="ana")


class DyingSaver(SqliteSaver):
    """A checkpointer that fails at one checkpoint, as a killed process does."""

    left = 1_000_000

    def put(self, *arguments: Any) -> Any:
        self.left -= 1
        if self.left == -1:
            raise ConnectionAbortedError("killed")
        return super().put(*arguments)


def write_threads(folder: Path) -> None:
    """Write the checkpoints of four threads, and the memory of one person."""
    connection = sqlite3.connect(folder / "threads.db", check_same_thread=False)
    saver = DyingSaver(connection)
    with open_store(folder / "memory") as store:

        def run(thread: str, text: str, *answers: str, context: HefContext = CONTEXT) -> None:
            model = FakeListChatModel(responses=list(answers))
            hef = create_hef(model=model).compile(checkpointer=saver, store=store)
            config: Any = {"configurable": {"thread_id": thread}}
            hef.invoke({"messages": [HumanMessage(text)]}, config, context=context, durability="sync")

        run("finished", "My dog Bello died last night.", "sad", "I am sorry.")
        run(
            "finished",
            "He waited for me at the door every day.",
            *("none, proud", "proud", "He must have been a good dog."),
        )
        asking = HefContext(user_id="ana", primary=1, confirm_emotion=True)
        run("paused", "They put my name on the list without asking.", "none, proud", "proud", "unused", context=asking)
        for thread, left in (("killed_after_sem", 2), ("killed_after_llm", 3)):
            saver.left = left
            try:
                run(thread, "Nobody came to my birthday.", "sad", "unused")
            except ConnectionAbortedError:
                saver.left = 1_000_000
    connection.close()


def write_settings(folder: Path) -> None:
    """Write a context, a fit and two recipes."""
    weights = RecallWeights(meaning=0.9, words=0.2, detail=0.4, recency=0.1, emotion=0.3, least=0.1, half_life=7)
    context = HefContext(user_id="ana", memory_weights=weights, prompt_fine="Which of $labels? $dialogue", primary=3)
    (folder / "context.json").write_text(context.model_dump_json(indent=1) + "\n")
    origin = Origin(
        data="valid.jsonl", samples=20, conversations=10, date="2026-11-28", before=-1.9, after=-1.8, held_out=-1.85
    )
    fit = Fit.cautious("minilm", "SmolLM2-135M-HEF", "scored")
    fit.model_copy(update={"origin": origin, "bias": {"sad": 0.25}}).write(folder / "fit.json")
    recipe = Recipe(backbone="tiny", passes=2, batch_size=4, learning_rate=1e-2, average_decay=0.0, held_out=0.1)
    RunFolder(folder / "sem_run", recipe)
    RunFolder(folder / "adapter_run", AdapterRecipe(rank=4, passes=1))


def write_conversations(folder: Path) -> None:
    """Write two conversations with an emotion label."""
    with (folder / "conversations.jsonl").open("w", encoding="utf-8") as lines:
        for number, (emotion, texts) in enumerate(CONVERSATIONS.items(), 1):
            turns = [{"role": ("speaker", "listener")[n % 2], "text": text} for n, text in enumerate(texts)]
            row = {"conv_id": f"own:{number}", "emotion": emotion, "situation": texts[0], "utterances": turns}
            lines.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    write_threads(target)
    write_settings(target)
    write_conversations(target)
