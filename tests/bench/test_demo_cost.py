"""What the demo retailer costs to make, up to a million people; not a test of what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MEMORY_LIMIT_GB, SECONDS_LIMIT = 8, 600

# In a process of its own, so that the peak of its memory is the generator's and nobody else's.
MEASURED = """
import resource, sys, time
from pathlib import Path
from orchestration.demo import invented

began = time.monotonic()
summary = invented.write(Path(sys.argv[1]), people=int(sys.argv[2]))
print(summary)
for feed, rows in summary.rows.items():
    print(f"  {feed:<28} {rows:>12,} rows")
spent = resource.getrusage(resource.RUSAGE_SELF)
print(f"{spent.ru_utime + spent.ru_stime:.0f} s of processor time")
print(time.monotonic() - began, spent.ru_maxrss / 2**20)
"""


@pytest.mark.parametrize("people", [10_000, 100_000, 1_000_000])
def test_cost_of_making_the_demo(people: int, tmp_path: Path) -> None:
    """Prints seconds and peak memory; the largest size has the promised limits."""
    said = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "landing"), str(people)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    *lines, last = said.strip().splitlines()
    seconds, memory = map(float, last.split())
    print("\n" + "\n".join(lines))
    print(f"{people:,} people: {seconds:.0f} s, at most {memory:.1f} GiB of memory")
    assert memory < MEMORY_LIMIT_GB
    assert seconds < SECONDS_LIMIT
