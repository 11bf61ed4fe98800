"""Resources for help as a person reads them: who answers, by which number, when, and in which language."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ...contract.text import LANGUAGE_NAMES
from .resources import Resource, resources_for

Language: TypeAlias = Literal["en", "zh"]

MAX_LINES = 2
"""Contacts of a region that are shown at most: a choice of more is one more thing to decide."""
_MAX_NUMBERS = 2
"""Emergency numbers that are shown at most."""
_HELP: dict[str, tuple[Literal["suicide", "child", "violence", "poison"], ...]] = {
    "suicide": ("suicide",),
    "self_harm": ("suicide",),
    "overdose": ("poison",),
    "violence": ("suicide",),
    "abuse": ("child", "violence"),
    "other_person": ("suicide",),
    "medical": (),
}
"""Kind of danger -> kinds of resources beside the emergency number; who may hurt others is heard by crisis lines."""
_POLICE_FIRST = frozenset({"violence", "abuse"})
"""Kinds of danger in which the police are named before the ambulance."""
_ANY_EMERGENCY = {
    "en": "your local emergency number (112 works in many countries)",
    "zh": "当地的急救电话（许多国家是112，中国大陆是120或110）",
}
"""The emergency number where the country is not known."""
_DIRECTORY = {"en": "helplines of many countries", "zh": "许多国家的援助热线"}
_MAINLAND = "CN"
_SERVICES_ZH = {"police": "警察", "fire": "消防", "ambulance": "急救"}
"""Who comes, as the name of a record says it -> in Chinese."""
_HOURS_ZH = {
    "24/7": "24小时",
    "at least 18 hours a day, in many places 24/7": "每天至少18小时，许多地方24小时",
    "hours vary by place": "各地时间不同",
    "office hours, which vary by place": "工作时间，各地不同",
    "hours vary by country": "各国时间不同",
    "each line has its own hours": "各热线时间不同",
    "the centre's own hours": "该中心的工作时间",
    "on weekdays": "工作日",
    "08:00-22:00 daily": "每天08:00-22:00",
    "09:00-23:00 daily": "每天09:00-23:00",
    "09:00-24:00 daily": "每天09:00-24:00",
    "12:00-23:00, at weekends from 15:00": "12:00-23:00，周末从15:00开始",
    "16:00-21:00 daily; 24 h on the 10th of each month": "每天16:00-21:00，每月10日24小时",
    "16:00-21:00 daily; closed 29 Dec-3 Jan": "每天16:00-21:00，12月29日至1月3日休息",
    "Mon-Sat 14:00-20:00; Mon, Wed, Thu also 10:00-12:00": "周一至周六14:00-20:00，周一、周三、周四另有10:00-12:00",
    "social workers Mon-Fri 09:00-17:00 and Sat 09:00-12:00; transferred to Tung Wah outside these hours": (
        "社工周一至周五09:00-17:00、周六09:00-12:00，其他时间转接东华三院"
    ),
}
"""Hours of a record in Chinese."""
_SPOKEN_ZH = {"de": "德语", "fr": "法语", "es": "西班牙语", "it": "意大利语", "nl": "荷兰语", "pt": "葡萄牙语"} | {
    "ja": "日语",
    "ko": "韩语",
    "hi": "印地语",
    "en": "英语",
}
"""Code of a language -> its Chinese name."""


def contact_lines(kind: str, region: str | None, language: Language) -> list[str]:
    """Return who helps with a kind of danger in a region beside the emergency number, a line each; maybe none.

    Where the region is not known, that is the international directory, and for a Chinese turn before it those of
    mainland China, where most who write Chinese live.

    Args:
        kind: Kind of danger, see `hef.contract.Safety`.
        region: Two letters of a country; None is anywhere.
        language: Of the lines.
    """
    lines = [_contact_line(record, language) for record in _records(kind, region, language)]
    if lines or not _HELP[kind] or resources_for(region, "suicide"):
        return lines
    is_mainland = language == "zh" and not _is_known(region)
    mainland = _records(kind, _MAINLAND, language)[: len(_HELP[kind])] if is_mainland else []
    directory = [_contact_line(record, language) for record in resources_for(None, "directory")]
    return [*(_contact_line(record, language, "（中国大陆）") for record in mainland), *directory]


def emergency_numbers(kind: str, region: str | None, language: Language) -> str:
    """Return the numbers for an emergency in a region, with who comes; arguments as in `contact_lines`."""
    if not _is_known(region):
        return _ANY_EMERGENCY[language]
    records = [record for record in resources_for(region, "emergency") if not _is_fire_alone(record)]
    records.sort(key=lambda record: _is_police_alone(record) != (kind in _POLICE_FIRST))
    one_of_each = {_services(record): record for record in reversed(records)}
    numbers = [_number(record, language) for record in records if record in one_of_each.values()][:_MAX_NUMBERS]
    return (" or " if language == "en" else "或").join(numbers)


def _is_known(region: str | None) -> bool:
    """Return whether there are records of a country."""
    return region is not None and bool(resources_for(region, "emergency"))


def _records(kind: str, region: str | None, language: Language) -> list[Resource]:
    """Return the first resource of each kind of help, then others, each number once."""
    groups = [resources_for(region, help_kind, language) for help_kind in _HELP[kind]]
    ranked = [*(group[0] for group in groups if group), *(record for group in groups for record in group[1:])]
    by_number = {record.contact: record for record in reversed(ranked)}
    return [record for record in ranked if by_number[record.contact] is record][:MAX_LINES]


def _contact_line(record: Resource, language: Language, where: str = "") -> str:
    if language == "zh":
        name, details = record.name_zh or record.name, [_HOURS_ZH.get(record.hours, ""), _spoken(record, "zh")]
    else:
        hours = record.hours.replace("24/7", "day and night")
        name, details = record.name, [record.text or "", hours, _spoken(record, "en")]
    if record.kind == "directory":
        details = [_DIRECTORY[language]]
    remark = ("; " if language == "en" else "，").join(filter(None, details))
    if language == "zh":
        return f"{name}{where}：{record.contact}" + (f"（{remark}）" if remark else "")
    return f"{name}: {record.contact}" + (f" ({remark})" if remark else "")


def _number(record: Resource, language: Language) -> str:
    """Return an emergency number with who comes: `999 (police, fire, ambulance)`."""
    services = _services(record)
    if language == "zh":
        who = record.name_zh or "、".join(_SERVICES_ZH[service] for service in services if service in _SERVICES_ZH)
        return record.contact + (f"（{who}）" if who else "")
    return f"{record.contact} ({', '.join(services)})"


def _services(record: Resource) -> tuple[str, ...]:
    """Return who comes, in the order of the record's name; the name itself where it does not say."""
    name = record.name.casefold()
    services = sorted((service for service in _SERVICES_ZH if service in name), key=name.index)
    return tuple(services) or (record.name,)


def _spoken(record: Resource, language: Language) -> str:
    """Return the language that is spoken there; empty where it is the person's, or has no name here."""
    codes = {"zh", "yue"} if language == "zh" else {language}
    names = LANGUAGE_NAMES if language == "en" else _SPOKEN_ZH
    return "" if codes.intersection(record.languages) else names.get(record.languages[0], "")


def _is_police_alone(record: Resource) -> bool:
    name = record.name.casefold()
    return any(word in name for word in ("polic", "polizei", "polícia")) and "ambulance" not in name


def _is_fire_alone(record: Resource) -> bool:
    name = record.name.casefold()
    return "fire" in name and "ambulance" not in name and "police" not in name
