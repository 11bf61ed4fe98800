"""The slash commands of `hef chat`: one table, of which its help, `hef chat --help` and the chat itself are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from ...contract.dialogue import TextLanguage


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """A command that is typed into a conversation."""

    name: str
    """How it is called, without the slash."""
    argument: str
    """What may follow, in the help."""
    help: str
    """What it does."""
    help_zh: str
    """The same in Chinese."""
    bare: tuple[str, ...] = ()
    """Words that stand alone where somebody forgot the slash."""

    @property
    def usage(self) -> str:
        """Return the command as it is typed."""
        return f"/{self.name} {self.argument}".rstrip()


SLASH_COMMANDS = (
    SlashCommand(
        "memory",
        "[TEXT]",
        "what is remembered of you, newest or most like TEXT first",
        "查看记住了什么（新的在前），或最像 TEXT 的内容；每条有一个短编号",
    ),
    SlashCommand(
        "forget",
        "ID",
        "delete what is remembered, for good; /memory shows the ids",
        "彻底删除一条记忆；/memory 显示编号",
    ),
    SlashCommand(
        "pin",
        "ID",
        "recall one with every reply; again, and no longer",
        "每次回复都想起这一条；再输入一次取消",
    ),
    SlashCommand(
        "hide",
        "ID",
        "never recall one, it stays listed; again, and it may be",
        "不再想起这一条，但仍列出；再输入一次取消",
    ),
    SlashCommand(
        "retry",
        "",
        "another reply to your last message, instead of the first",
        "重新回复上一条消息，记忆里替换原来的",
    ),
    SlashCommand(
        "edit",
        "[TEXT]",
        "your last message anew; without TEXT you change it",
        "重说上一条消息；不写 TEXT 时可直接修改原文",
    ),
    SlashCommand("new", "[NAME]", "begin a new conversation", "开始新的对话"),
    SlashCommand("threads", "[NAME]", "your conversations, or continue one of them", "列出你的对话，或继续其中一个"),
    SlashCommand(
        "character",
        "[NAME]",
        "the characters, or talk with one; none for none",
        "列出角色，或与其中一个开始对话；none 表示不用角色",
    ),
    SlashCommand(
        "set",
        "[NAME VALUE]",
        "the settings, or change one until you leave",
        "列出设置，或修改其中一项直到离开",
    ),
    SlashCommand(
        "private",
        "",
        "from now on nothing is recalled or kept, and back",
        "从现在起不回忆、不写下任何内容；再输入一次恢复",
    ),
    SlashCommand("emotion", "", "emotion and causes of your last message", "上一条消息的情绪和原因"),
    SlashCommand("help", "", "this list", "显示这个列表", bare=("help", "帮助")),
    SlashCommand(
        "quit",
        "",
        "leave (also Ctrl-D, or Ctrl-C twice)",
        "离开（也可用 Ctrl-D，或按两次 Ctrl-C）",
        bare=("exit", "quit", "退出"),
    ),
)
_ALIASES = {"exit": "quit", "thread": "threads", "characters": "character", "memories": "memory"}
"""Other names of commands, which the help does not show."""


def read_command(line: str) -> tuple[str, str] | None:
    """Return the name of the command that a line is, which may be unknown, and its argument; None for a message."""
    if not line.lstrip().startswith("/"):
        return None
    name, argument = [*line.strip()[1:].split(maxsplit=1), "", ""][:2]
    return _ALIASES.get(name, name), argument


def is_command(name: str) -> bool:
    """Return whether there is a command of a name."""
    return any(command.name == name for command in SLASH_COMMANDS)


def nearest_command(name: str) -> str | None:
    """Return the name of the command that a wrong name is most like, None where it is like none."""
    from difflib import get_close_matches

    nearest = get_close_matches(name.casefold()[:40], [*(command.name for command in SLASH_COMMANDS), *_ALIASES], n=1)
    return _ALIASES.get(nearest[0], nearest[0]) if nearest else None


def bare_command(line: str) -> str | None:
    """Return the name of the command that a line may mean, None where it is a message."""
    word = line.strip().rstrip("!.。！").casefold()
    return next((command.name for command in SLASH_COMMANDS if word in command.bare), None)


def help_table(language: TextLanguage) -> Table:
    """Return all commands with what they do."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for command in SLASH_COMMANDS:
        table.add_row(Text(command.usage, style="bold"), command.help_zh if language == "zh" else command.help)
    return table


def help_lines() -> str:
    """Return all commands as lines of a command's help, in Rich markup, to be printed as they are."""
    width = max(len(command.usage) for command in SLASH_COMMANDS) + 2
    lines = (f"{command.usage:{width}}{command.help}".replace("[", "\\[") for command in SLASH_COMMANDS)
    return "\b\n" + "\n".join(lines)
