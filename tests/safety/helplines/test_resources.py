"""The records of who helps: complete, of two sources where they say so, and not too old."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hef.safety import all_resources, resources_for

REGIONS = "US CA GB IE AU NZ IN DE AT CH FR ES IT NL BR MX JP KR SG HK TW CN".split()
MAX_AGE = timedelta(days=548)
"""Eighteen months."""


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_has_a_crisis_line_and_an_emergency_number(region: str) -> None:
    assert resources_for(region, "suicide")
    assert resources_for(region, "emergency")


def test_china_has_its_national_line_and_both_emergency_numbers() -> None:
    assert "12356" in [record.contact for record in resources_for("CN", "suicide")]
    assert {"120", "110"} <= {record.contact for record in resources_for("CN", "emergency")}


def test_no_record_is_older_than_eighteen_months() -> None:
    today = date.today()
    assert [f"{record.region} {record.contact}" for record in all_resources() if today - record.checked > MAX_AGE] == []


def test_what_counts_as_verified_was_seen_in_two_sources() -> None:
    assert [
        f"{record.region} {record.contact}"
        for record in all_resources()
        if record.verified and len({source.url for source in record.sources}) < 2
    ] == []


def test_what_a_person_reads_holds_no_remark_of_whoever_collected_it() -> None:
    shown = [f"{record.name}, {record.text}, {record.hours}" for record in all_resources()]

    assert [
        line for line in shown if re.search(r"source|as of|reported|recheck|seen|not read|since|assumed", line)
    ] == []


def test_those_who_speak_the_language_come_first() -> None:
    spoken = [record.languages for record in resources_for("HK", "suicide", "zh")]

    assert ["zh" in languages for languages in spoken] == sorted("zh" in languages for languages in spoken)[::-1]


def test_an_unknown_region_has_none() -> None:
    assert resources_for("ZW", "suicide") == ()
    assert resources_for(None, "directory")
