"""`/set`: the settings of a turn that a person can change in a conversation, checked, until they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from ...contract import HefContext, SetupError
from ...contract.settings.settings_model import unknown_setting
from ..render import FAINT, printable_name

if TYPE_CHECKING:
    from ...contract.dialogue import TextLanguage

SETTABLE = (
    *("language", "persona", "region", "model", "strategy", "primary", "max_requeries", "ask", "first_question"),
    *("confirm_emotion", "early_reply", "memory_limit", "memory_budget", "dialogue_limit"),
    *("remember_for", "remember_danger"),
)
"""Settings of `HefContext` that can be changed; the others say whose turn it is, or need more than a word."""
OF_REPLY = {
    "temperature": "How freely the words of the reply are chosen, 0 to 2",
    "top_p": "Which share of the likely words is chosen from, 0 to 1",
    "max_tokens": "Tokens of a reply at most",
    "seed": "Makes the reply repeatable",
}
"""Settings of the call that writes the reply."""
CHINESE = {
    "language": "回复和备注用的语言，写代码或英文名，例如 zh 或 German；none 表示和对方一样",
    "persona": "助手回复时是谁",
    "region": "危险时提供哪个国家的求助电话：两个字母，例如 CN、US 或 GB（ISO 3166-1）；不设则用国际名录",
    "model": "这里用的大模型：embedded、embedded-plain、huggingface:<编号或路径>，或 <服务商>:<名称>",
    "strategy": "怎样判断情绪",
    "primary": "主要情绪：个数，或（小于 1 时）应当多大比例包含真正的那个",
    "max_requeries": "大模型不同意时再问小模型几次",
    "ask": "什么时候问大模型的判断：unsure，小模型的首选不够确定时；always，总是",
    "first_question": "先问用文字回答的大模型什么：open，是所有情绪中的哪一种，都不是主要情绪时再问其中有没有合适的；"
    "primary，直接问后者",
    "confirm_emotion": "小模型和大模型仍不一致时，是否停下来问你是哪种情绪",
    "early_reply": "大模型是否在决定之前、与判断同时开始回复，不带情绪备注；none 表示只有在线大模型这样",
    "memory_limit": "最多想起几轮以前的对话；none：3 轮，在线大模型 10 轮",
    "memory_budget": "最多给大模型看多少词元的往事，一个词元算四个字符；none：400，在线大模型 900",
    "dialogue_limit": "给大模型看多少字符的对话，最早的先略去；none：6,000，在线大模型回复时 40,000",
    "remember_for": "从现在起说的话记几天；none 表示一直记着",
    "remember_danger": "处于危险中的那一轮是否也记下来，那时不带情绪",
    "temperature": "回复用词有多自由，0 到 2",
    "top_p": "从多大比例的可能词里选，0 到 1",
    "max_tokens": "一次回复最多多少词元",
    "seed": "让回复可以重现",
}
"""What each setting does, in Chinese."""
_VARIED = {"temperature": 0.8}
"""Settings of another reply by a local LLM."""
DEFAULT = "default"
"""What is typed for the default of a setting."""


def settings_table(context: HefContext, language: TextLanguage = "en") -> Table:
    """Return each setting with its value and what it does."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(max_width=24, overflow="fold")
    table.add_column(ratio=1, style=FAINT)
    for name in (*SETTABLE, *OF_REPLY):
        description = OF_REPLY[name] if name in OF_REPLY else str(HefContext.model_fields[name].description)
        told = CHINESE[name] if language == "zh" else description
        table.add_row(Text(name, style="bold"), Text(shown(context, name)), Text(told))
    return table


def shown(context: HefContext, name: str) -> str:
    """Return the value of a setting as it is typed."""
    value = context.model_settings.get(name) if name in OF_REPLY else getattr(context, name)
    if value is None:
        return "none" if name not in OF_REPLY else DEFAULT
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else printable_name(str(value))


def check_name(name: str) -> None:
    """Check that a setting can be changed here.

    Raises:
        SetupError: It cannot.
    """
    known = (*SETTABLE, *OF_REPLY)
    if name not in known:
        raise SetupError(f"{unknown_setting(name, known)}; /set lists those that can be changed here")


def with_setting(context: HefContext, name: str, text: str) -> HefContext:
    """Return the settings with another value of one.

    Args:
        context: The settings.
        name: Its name.
        text: Its value as it was typed; `default` is its default, `none` none.

    Raises:
        SetupError: There is no such setting here, or it cannot have this value; the message says which it can.
    """
    if name in OF_REPLY:
        others = {key: value for key, value in context.model_settings.items() if key != name}
        given = {} if text == DEFAULT else {name: _number(text)}
        return _changed(context, "model_settings", {**others, **given})
    check_name(name)
    if text == DEFAULT:
        return _changed(context, name, HefContext.model_fields[name].get_default(call_default_factory=True))
    changed = _changed(context, name, None if text.casefold() == "none" else text)
    if name == "region":
        _check_region(changed.region)
    elif name == "model" and isinstance(changed.model, str):
        _check_model(changed.model)
    return changed


def varied(context: HefContext, model: str | None) -> HefContext:
    """Return the settings of another reply; a local LLM would say the same again.

    Args:
        context: The settings of the first reply.
        model: The LLM where they name none.
    """
    name = context.model if context.model is not None else model
    if not (name is None or str(name).startswith(("embedded", "huggingface:"))):
        return context
    return context.model_copy(update={"model_settings": {**_VARIED, **context.model_settings}})


def _check_region(region: str | None) -> None:
    """Check that numbers for help are known in a region: with another one the international ones are named anyway."""
    from ...safety.helplines.resources import ANYWHERE, all_resources

    known = sorted({record.region for record in all_resources()} - {ANYWHERE})
    if region is not None and region not in known:
        raise SetupError(
            f"no numbers for help are known in {region!r}; give one of {', '.join(known)}, or none, where the "
            "international ones are named"
        )


def _check_model(model: str) -> None:
    """Check what can be known of an LLM before it is asked: that it is one, with its weights, packages and key."""
    from ...llm import resolve_model

    resolve_model(model)


def _changed(context: HefContext, name: str, value: object) -> HefContext:
    fields: dict[str, Any] = {key: value for key, value in dict(context).items() if key in context.model_fields_set}
    return HefContext(**{**fields, name: value})


def _number(text: str) -> object:
    """Return the number that a text is; another text as it is, which is refused with what was expected."""
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
