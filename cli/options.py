"""Options that several commands share, as dataclasses that `expand_options` turns into parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

import typer

from .error_messages import Misuse

if TYPE_CHECKING:
    from ..characters import Character
    from ..contract import HefContext
    from ..sem.ray.cluster import Cluster

MAX_DAYS = 36_500
"""Days that a turn can be kept for, as `HefContext.remember_for` takes them; more is for good."""
StrategyName: TypeAlias = Literal["two_stage", "one_prompt", "sem_only", "llm_only"]


def option(help: str, *flags: str, metavar: str | None = None, panel: str | None = None, **settings: Any) -> Any:
    """Return an option of a command; one that takes a `FILE` or a `FOLDER` takes no other kind of path.

    Args:
        help: What it does.
        flags: How it is written, where that is not the parameter's name.
        metavar: What it takes, in the help.
        panel: Panel of the help that it stands in.
        settings: Further settings of `typer.Option`.
    """
    settings |= {"FILE": {"dir_okay": False}, "FOLDER": {"file_okay": False}}.get(metavar or "", {})
    return typer.Option(*flags, help=help, metavar=metavar, rich_help_panel=panel, **settings)


def model_option(further: str = "", *, from_environment: bool = True) -> Any:
    """Return the option of the LLM; `further` says what else may be given."""
    source = "  \\[env: HEF_MODEL]" if from_environment else ""
    text = f"LLM: embedded, huggingface:<id or path>, or <provider>:<name>{further}.{source}"
    return option(text, "--model", "-m", metavar="MODEL", panel="Models")


def check_days(days: float | None) -> None:
    """Check that turns can be kept for so many days.

    Raises:
        Misuse: They cannot.
    """
    if days is not None and not 0 < days <= MAX_DAYS:
        raise Misuse(f"--remember-for is {days:g}; give days, above 0 and at most {MAX_DAYS}, or leave it out")


def parse_numbers(flag: str, value: str) -> list[int]:
    """Return the numbers between commas that an option was given.

    Raises:
        Misuse: There are none, or one is not positive.
    """
    try:
        numbers = [int(number) for number in value.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise Misuse(f"{flag} is {value!r}; give positive numbers with commas between, such as 1,10")
    return numbers


Model: TypeAlias = Annotated[str | None, model_option()]
Sem: TypeAlias = Annotated[
    str | None,
    option(
        "SEM: a name that `hef sems` lists, a folder, huggingface:<id or path>, ensemble:<one>,<other>, or the address "
        "of a service.  \\[env: HEF_SEM]",
        "--sem",
        "-s",
        metavar="NAME",
        panel="Models",
    ),
]
Threads: TypeAlias = Annotated[
    int | None, option("CPU threads of the models.  \\[env: HEF_THREADS]", metavar="N", min=1, max=256, panel="Models")
]
Region: TypeAlias = Annotated[
    str | None,
    option(
        "Your country, two letters such as US or CN, whose numbers for help are given in danger.  \\[env: HEF_REGION]",
        metavar="CODE",
        panel="Output",
    ),
]
Home: TypeAlias = Annotated[
    Path | None, option("Folder of memories and conversations.  \\[env: HEF_HOME]", metavar="FOLDER", panel="Memory")
]
User: TypeAlias = Annotated[
    str | None,
    option("Whose memory is recalled and written.  \\[env: HEF_USER]", "--user", "-u", metavar="NAME", panel="Memory"),
]
RememberFor: TypeAlias = Annotated[
    float | None,
    option(
        "Days that what is said is remembered; otherwise for good.", "--remember-for", metavar="DAYS", panel="Memory"
    ),
]
Confirm: TypeAlias = Annotated[
    bool, option("Ask you which emotion it is when SEM and LLM disagree.", "--confirm", panel="Emotion")
]
Json: TypeAlias = Annotated[bool, option("Print JSON and nothing else.", "--json", panel="Output")]
Plots: TypeAlias = Annotated[Path | None, option("Draw the figures there, as PNG.", metavar="FOLDER", panel="Output")]
Against: TypeAlias = Annotated[str | None, option("A plain encoder to compare with: folder or hub id.", metavar="NAME")]
Cpus: TypeAlias = Annotated[float, option("Processors of each SEM.", metavar="N", min=0.1, panel="Cluster")]


@dataclass(frozen=True, slots=True)
class SemOptions:
    """The SEM of a command that needs no LLM."""

    sem: Sem = None
    threads: Threads = None


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """LLM and SEM."""

    model: Model = None
    sem: Sem = None
    threads: Threads = None


@dataclass(frozen=True, slots=True)
class EmotionOptions:
    """How the emotion is decided, for commands that name the strategies themselves."""

    panel: ClassVar = "Emotion"
    primary: Annotated[
        float,
        option("Primary emotions: how many (1-32), or how often they shall include the true one (0.9).", metavar="K"),
    ] = 5
    max_requeries: Annotated[
        int, option("How often the SEM is asked again when the LLM disagrees.", metavar="N", min=0, max=5)
    ] = 1

    def __post_init__(self) -> None:
        """Check that `primary` is a count or a coverage.

        Raises:
            Misuse: It is neither.
        """
        if not (0 < self.primary < 1 or (1 <= self.primary <= 32 and self.primary.is_integer())):
            raise Misuse(f"--primary is {self.primary:g}; give a count from 1 to 32 or a probability between 0 and 1")

    def context(self, **changes: object) -> HefContext:
        """Return the settings of a run, with further fields set."""
        from ..contract.context import settings_from

        primary = self.primary if self.primary < 1 else int(self.primary)
        return settings_from({"primary": primary, "max_requeries": self.max_requeries, **changes})


@dataclass(frozen=True, slots=True)
class ReplyOptions(EmotionOptions):
    """How the emotion is decided and the reply is written."""

    strategy: Annotated[StrategyName, option("How the emotion is decided.")] = "two_stage"
    persona: Annotated[str | None, option("Who the assistant is when it replies.", metavar="TEXT", panel="Output")] = (
        None
    )
    language: Annotated[
        str | None,
        option("Language of the reply, such as zh or German; otherwise yours.", metavar="NAME", panel="Output"),
    ] = None
    region: Region = None

    def reply_context(
        self, user: str | None = None, character: Character | None = None, **changes: object
    ) -> HefContext:
        """Return the settings of a run that replies; without a user nothing is remembered.

        Args:
            user: Whose memory takes part.
            character: Who replies, but for what the options say; its models are those of the graph.
            changes: Further settings.
        """
        set_texts = {"persona": self.persona, "language": self.language}
        texts = {name: text for name, text in set_texts.items() if text}
        context = self.context(strategy=self.strategy, user_id=user, remember=user is not None, **texts, **changes)
        if character is None:
            return context
        return character.model_copy(update={"model": None}).context(context).model_copy(update=texts)


@dataclass(frozen=True, slots=True)
class UserOptions:
    """Whose memory takes part in a turn."""

    panel: ClassVar = "Memory"
    user: User = None
    no_memory: Annotated[bool, option("Recall nothing, and write nothing to the disk.", "--no-memory", "--private")] = (
        False
    )
    home: Home = None
    character: Annotated[
        str | None,
        option(
            "The character to talk with, which has memories of its own; `hef characters` lists them.",
            "--character",
            "-c",
            metavar="NAME",
        ),
    ] = None
    remember_for: RememberFor = None

    def __post_init__(self) -> None:
        """Check for how long turns are kept.

        Raises:
            Misuse: It is no time for which they can be.
        """
        check_days(self.remember_for)


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """What is measured on."""

    data: Annotated[Path, option("JSON lines, gzipped or not.", "--data", "-d", metavar="FILE")]
    limit: Annotated[int | None, option("Measure on so many samples, drawn at random.", metavar="N", min=1)] = None
    seed: Annotated[int, option("Of the draw.", metavar="N")] = 0


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """Where figures go beside the tables."""

    panel: ClassVar = "Output"
    as_json: Json = False
    out: Annotated[Path | None, option("Write the figures to this file, as JSON.", metavar="FILE")] = None


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Whether Ray reads with many SEMs at once."""

    panel: ClassVar = "Cluster"
    ray: Annotated[
        str | None,
        option(
            "Read with Ray, one SEM per actor: local starts it here, auto or an address joins a cluster.",
            metavar="ADDRESS",
        ),
    ] = None
    ray_actors: Annotated[
        int | None,
        option(
            "How many SEMs read at once; as many as there are processors for otherwise.",
            metavar="N",
            min=1,
            show_default=False,
        ),
    ] = None
    ray_cpus: Cpus = 1.0

    def cluster(self) -> Cluster | None:
        """Return the cluster, None without `--ray`."""
        if self.ray is None:
            return None
        from ..sem.ray.cluster import Cluster

        return Cluster(self.ray, self.ray_actors, self.ray_cpus)
