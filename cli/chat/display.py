"""What a terminal shows while a turn runs: a spinner until the reply's first word, then the words."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.status import Status
from rich.text import Text

from ..render import ACCENT, FAINT, GUTTER
from .events import Asked, EmotionDecided, Event, Replied, Restarted, Step, Token
from .wrapping import WrappedWriter


class TurnDisplay:
    """Show the events of one turn; leaving it always stops the spinner and ends the line.

    Args:
        name: What stands to the left of the reply.
        quiet: Show nothing.
    """

    def __init__(self, *, name: str, quiet: bool = False) -> None:
        self.console = Console(highlight=False, quiet=quiet)
        self._name = name
        self._status: Status | None = None
        self._flow: WrappedWriter | None = None
        self._end: Replied | Asked | None = None
        self.heard = ""
        """The reply as far as it came."""

    @property
    def done(self) -> Replied:
        """Return how the turn ended."""
        if not isinstance(self._end, Replied):
            raise RuntimeError("the graph ended without a reply")
        return self._end

    @property
    def asked(self) -> Asked | None:
        """Return what the turn waits for, None where it is over."""
        return self._end if isinstance(self._end, Asked) else None

    def __enter__(self) -> TurnDisplay:
        self._wait("starting")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()
        if self._flow:
            self._flow.close()

    def take(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Step) and not self._flow:
            self._wait(event.doing)
        elif isinstance(event, EmotionDecided):
            self._wait("thinking of a reply")
        elif isinstance(event, Token):
            self._say(event.text)
        elif isinstance(event, Restarted):
            self._begin_anew()
        elif isinstance(event, Replied):
            self._end = event
            self._say("" if self.heard else event.reply)
        elif isinstance(event, Asked):
            self._end = event
            self.pause()

    def pause(self) -> None:
        """Take the spinner away, so that something else can be printed."""
        if self._status:
            self._status.stop()
            self._status = None

    def _wait(self, doing: str) -> None:
        line = Text(f"{doing} …", style=FAINT)
        if self._status:
            self._status.update(line)
        elif self.console.is_terminal and not self.console.quiet:
            self._status = self.console.status(line, spinner="dots", spinner_style=ACCENT)
            self._status.start()

    def _begin_anew(self) -> None:
        if self._flow:
            self._flow.write(" …")
            self._flow.close()
        self._flow, self.heard = None, ""

    def _say(self, text: str) -> None:
        self.pause()
        if not self._flow:
            self.console.print(Text("  " + self._name.ljust(GUTTER), style=FAINT), end="")
            self._flow = WrappedWriter(self.console, indent=GUTTER + 2)
        self.heard += text
        self._flow.write(text)
