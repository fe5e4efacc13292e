"""`kill -9` at any moment: the next run repairs everything, and nothing is orphaned."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from tests.conftest import DAYS_LOADED
from tests.tenant import FIRST_DAY, Tenant

NEXT = FIRST_DAY + timedelta(days=DAYS_LOADED)
COMMAND = [sys.executable, "-m", "orchestration.cli", "run", "--from", str(NEXT), "--to", str(NEXT)]


def start(tenant: Tenant) -> subprocess.Popen[bytes]:
    """A run in a process of its own, as a scheduler starts it."""
    environment = {**os.environ, **tenant.variables()}
    return subprocess.Popen(
        COMMAND, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def crash_and_repair(tenant: Tenant, moments: int, seed: int) -> None:
    tenant.land_day(NEXT)
    before = tenant.marts()
    began = time.monotonic()
    undisturbed = start(tenant)
    output, _ = undisturbed.communicate()
    length = time.monotonic() - began
    assert undisturbed.returncode == 0, output.decode()
    expected = tenant.marts()
    assert expected != before
    chance = random.Random(seed)
    for _ in range(moments):
        # the same day over again, with a price that makes the work differ from what is there
        tenant.land_day(NEXT, amount=chance.randint(3, 9))
        doomed = start(tenant)
        time.sleep(chance.uniform(0.3, 0.98) * length)
        doomed.send_signal(signal.SIGKILL)
        doomed.wait()
        assert len(tenant.marts()) == len(expected), "a reader must always find whole marts"
    tenant.land_day(NEXT)
    outcome = tenant.run(NEXT, NEXT)
    assert outcome.code == 0, outcome.text
    assert tenant.marts() == expected
    leftovers = [
        path
        for path in tenant.home.rglob(".*")
        if "dagster" not in path.parts and path.name not in (".run.lock", ".work")
    ]
    assert leftovers == []
    assert not any((tenant.home / ".work").rglob("*.parquet"))
    assert _unfinished_runs(tenant) == []


def _unfinished_runs(tenant: Tenant) -> list[str]:
    import dagster as dg

    with tenant.environment():
        os.environ["DAGSTER_HOME"] = str(tenant.home / "dagster")
        with dg.DagsterInstance.get() as instance:
            return [run.run_id for run in instance.get_runs() if not run.is_finished]


# Slow: five runs in processes of their own cost four minutes of what CI may take.
@pytest.mark.slow
def test_killed_runs_are_repaired_by_the_next(loaded: Tenant) -> None:
    crash_and_repair(loaded, moments=2, seed=7)


@pytest.mark.slow
def test_runs_killed_at_ten_random_moments_are_repaired(loaded: Tenant) -> None:
    crash_and_repair(loaded, moments=10, seed=int(time.time()))
