"""What checked reading costs against a bare DuckDB copy of the same files, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb

from orchestration import feeds, reading
from orchestration.landed import LandedFile

DAYS, ROWS_A_DAY, ROUNDS = 120, 4_000, 3
FIRST_DAY = date(2024, 1, 1)


def test_checked_reading_against_a_bare_copy(tmp_path: Path) -> None:
    """Prints the ratio round by round; the two take turns, so that both meet the same noise."""
    feed = next(feed for feed in feeds.load() if feed.name == "pos.receipt_lines")
    days = _land(tmp_path / "landing")
    ratios = []
    for number in range(ROUNDS):
        work = tmp_path / f"work{number}"
        work.mkdir()
        bare = _seconds(lambda: _bare_copy(days, tmp_path / "bare.parquet"))
        checked = _seconds(lambda work=work: reading.read_days(feed, days, work))  # type: ignore[misc]
        ratios.append(checked / bare)
        print(f"\nround {number}: bare {bare:.2f} s, checked {checked:.2f} s", end="")
    print(f"\nchecked / bare: {', '.join(f'{ratio:.2f}' for ratio in sorted(ratios))}")
    assert min(ratios) < 3


def _land(root: Path) -> dict[date, list[LandedFile]]:
    root.mkdir()
    days = {}
    with duckdb.connect() as connection:
        for number in range(DAYS):
            path = root / f"{number}.csv.gz"
            connection.execute(
                f"copy (select 'r' || (i // 9) as receipt_id, i % 9 as line_number, "
                f"'p' || (i * 7919 % 5000) as product_id, 1 as quantity, "
                f"(i % 400) / 100 as sales_amount, 0.25 as loyalty_discount, "
                f"0 as store_coupon_discount, 0 as coupon_discount, null as coupon_code "
                f"from range({ROWS_A_DAY}) as numbers (i)) to '{path}'"
            )
            days[FIRST_DAY + timedelta(days=number)] = [LandedFile.of(path)]
    return days


def _bare_copy(days: dict[date, list[LandedFile]], target: Path) -> None:
    files = [str(file.path) for landed in days.values() for file in landed]
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * from read_csv({files!r}, filename = true)) to '{target}'"
        )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
