"""What one run is: the days it covers, the day it stands for, and its lock on the home.

Nothing here reads or writes data.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TextIO
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration import raw, settings
from orchestration.settings import Settings

FIRST_DAY = date(2017, 1, 1)
"""Where the partitions begin while nothing has landed: the demo retailer's first day."""


FULL_REFRESH_TAG = "insights/full_refresh"
"""Set to `true` on a run, incremental tables are rebuilt from raw: after a change of their SQL."""


READERS_SECONDS = 30.0
"""How long a run waits for who only reads the warehouse, which takes a second or two."""


class AlreadyRunning(Exception):
    """Another run holds the home."""


def partitions(where: Settings) -> dg.DailyPartitionsDefinition:
    """The load dates: days in the reporting time zone, from the first that ever landed.

    A day can be loaded once it is over.
    """
    days = (settings.parse_day(path.name) for path in where.landing.glob("*/*/*"))
    loaded = (settings.parse_day(path.stem) for path in where.raw.glob("*/*/*.parquet"))
    known = [day for day in (*days, *loaded) if day is not None]
    return dg.DailyPartitionsDefinition(
        start_date=min(known, default=FIRST_DAY).isoformat(), timezone=where.timezone
    )


def last_full_day(where: Settings) -> date:
    """Yesterday, by the clock of the reporting time zone."""
    return datetime.now(ZoneInfo(where.timezone)).date() - timedelta(days=1)


def as_of(
    context: dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
) -> date:
    """The day a run stands for: the last day it covers or, when later, the newest loaded day.

    So a correction of an old day restates the past and does not turn the clock back. Raises
    dg.Failure when nothing is loaded and the run covers no day.
    """
    tags = context.run.tags
    covered = tags.get("dagster/asset_partition_range_end") or tags.get("dagster/partition")
    days = [raw.newest_loaded_day(settings.load().raw)]
    days.append(settings.parse_day(covered) if covered else None)
    known = [day for day in days if day is not None]
    if not known:
        raise dg.Failure("Nothing is loaded yet: run the daily job for a landed day first.")
    return max(known)


@contextmanager
def lock(where: Settings) -> Iterator[None]:
    """Hold the home for one run; the kernel lets go of it even when the process is killed.

    Raises AlreadyRunning at once when another process holds it; who only reads is waited for.
    """
    where.home.mkdir(parents=True, exist_ok=True)
    with where.run_lock.open("a+") as file:
        _take(file, where)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def reading(where: Settings) -> Iterator[None]:
    """Keep runs from writing while the warehouse is read; several may read at once.

    Hold it for a second or two: a run that begins meanwhile waits. Raises AlreadyRunning at once
    when a run holds the home.
    """
    with where.run_lock.open("r" if where.run_lock.exists() else "a+") as file:
        if not _shared(file):
            raise _turned_away(file, where)
        yield


def _take(file: TextIO, where: Settings) -> None:
    patience = time.monotonic() + READERS_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # readers share it with us, a run does not
            if not _shared(file):
                raise _turned_away(file, where) from None
            fcntl.flock(file, fcntl.LOCK_UN)
            if time.monotonic() > patience:
                raise AlreadyRunning(
                    f"Somebody has been reading the warehouse of {where.home} for "
                    f"{READERS_SECONDS:.0f} seconds (insights explain or what-if); nothing was "
                    "started. Wait for it to end and try again."
                ) from None
            time.sleep(0.05)
        else:
            return


def _shared(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _turned_away(file: TextIO, where: Settings) -> AlreadyRunning:
    file.seek(0)
    return AlreadyRunning(
        f"Another run (process {file.read().strip() or 'unknown'}) is writing "
        f"{where.home}; nothing was started. Wait for it to end and try again."
    )


@dg.resource(description="Holds INSIGHTS_HOME for the run, and clears up after killed runs.")
def run_lock(context: dg.InitResourceContext) -> Iterator[None]:
    """The lock as a resource: held from the first step of a run to its end."""
    where = settings.load()
    try:
        held = lock(where)
        held.__enter__()
    except AlreadyRunning as busy:
        raise dg.Failure(str(busy), allow_retries=False) from None
    try:
        if context.instance and context.run:
            _fail_killed_runs(context.instance, context.run.run_id)
        yield
    finally:
        held.__exit__(None, None, None)


def _fail_killed_runs(instance: dg.DagsterInstance, this_run: str) -> None:
    """Runs that still count as started although this one holds the lock were killed."""
    working = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    unfinished = dg.RunsFilter(statuses=working)
    for run in instance.get_runs(unfinished):
        if run.run_id != this_run:
            instance.report_run_failed(run, "The process was killed before the run ended.")
