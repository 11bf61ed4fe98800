from __future__ import annotations

import stat
from datetime import date, timedelta
from multiprocessing.pool import ThreadPool
from pathlib import Path

from hef.contract import Safety, SafetyEvent
from hef.safety import ReferralCounter, referral_counts

FOUND = Safety(level="danger", kind="suicide", words=("zebra",))
EVENT = SafetyEvent(safety=FOUND, text="zebra", region="US", user_id="ana", thread="t")


def test_turns_are_summed_up_by_day_level_and_region_from_any_number_of_writers(tmp_path: Path) -> None:
    concern = EVENT.model_copy(update={"safety": Safety(level="concern", kind="suicide"), "region": None})
    counters = [ReferralCounter(tmp_path / "companion") for _ in range(2)]
    with ThreadPool(4) as pool:
        pool.starmap(lambda counter, event: counter(event), [(c, e) for c in counters for e in [EVENT, concern] * 20])

    counts = referral_counts(tmp_path / "companion")

    assert [(count.level, count.region, count.turns) for count in counts] == [
        ("concern", None, 40),
        ("danger", "US", 40),
    ]
    assert {count.day for count in counts} <= {date.today(), date.today() + timedelta(1), date.today() - timedelta(1)}
    assert referral_counts(tmp_path / "companion", date.today() + timedelta(2)) == []


def test_nothing_that_was_said_and_nobody_is_in_the_file_which_is_its_owners_alone(tmp_path: Path) -> None:
    ReferralCounter(tmp_path / "new")(EVENT)

    (file,) = (tmp_path / "new").iterdir()
    assert not [word for word in ("zebra", "ana", "suicide", '"t"') if word in file.read_text(encoding="utf-8")]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_half_a_line_of_a_killed_process_is_skipped(tmp_path: Path) -> None:
    ReferralCounter(tmp_path)(EVENT)
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text() + '{"day": "2026-', encoding="utf-8")

    assert [count.turns for count in referral_counts(tmp_path)] == [1]


def test_a_folder_without_counts_has_none(tmp_path: Path) -> None:
    assert referral_counts(tmp_path / "nowhere") == []
