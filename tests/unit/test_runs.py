"""What a run covers and stands for, and that only one of them writes a home."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Self

import dagster as dg
import pytest

from orchestration import runs, settings
from orchestration.runs import AlreadyRunning
from orchestration.settings import Settings

HOLDER = """
import sys
from orchestration import runs, settings
with runs.lock(settings.load()):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of an empty home, which are also those of the environment."""
    monkeypatch.setenv("INSIGHTS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INSIGHTS_TIMEZONE", "America/New_York")
    monkeypatch.delenv("INSIGHTS_LANDING", raising=False)
    return settings.load()


def land(where: Settings, day: str, feed: str = "pos/receipts") -> None:
    (where.landing / feed / day).mkdir(parents=True)


def load(where: Settings, day: str, feed: str = "pos/receipts") -> None:
    path = where.raw / feed / f"{day}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


# the days there are


def first_day(where: Settings) -> str:
    return runs.partitions(where).get_first_partition_key() or ""


def test_partitions_begin_with_the_first_day_that_landed(where: Settings) -> None:
    land(where, "2024-03-05")
    land(where, "2024-03-02", "loyalty/members")
    assert first_day(where) == "2024-03-02"


def test_a_day_that_was_loaded_and_cleared_away_is_still_a_partition(where: Settings) -> None:
    land(where, "2024-03-05")
    load(where, "2024-02-28", "loyalty/members")
    assert first_day(where) == "2024-02-28"


def test_before_anything_landed_partitions_begin_with_the_demo(where: Settings) -> None:
    assert first_day(where) == "2017-01-01"


@pytest.mark.parametrize("name", ["latest", ".2020-01-01", "2020-1-1", "2020-13-01", "20200101"])
def test_folders_that_are_no_day_begin_nothing(where: Settings, name: str) -> None:
    land(where, name)
    land(where, "2024-03-05")
    load(where, name)
    assert first_day(where) == "2024-03-05"


@pytest.mark.parametrize(
    ("now", "last"), [("2024-03-11 03:59", "2024-03-09"), ("2024-03-11 04:00", "2024-03-10")]
)
def test_a_day_is_a_partition_once_it_is_over_in_its_time_zone(
    where: Settings, monkeypatch: pytest.MonkeyPatch, now: str, last: str
) -> None:
    """The tenth has 23 hours in New York: it ends at four o'clock UTC."""
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(moment.timestamp(), tz)

    monkeypatch.setattr(runs, "datetime", Clock)
    land(where, "2024-03-08")
    assert runs.last_full_day(where) == date.fromisoformat(last)
    with dg.partition_loading_context(effective_dt=moment):
        assert runs.partitions(where).get_last_partition_key() == last


# the day a run stands for


def stands_for(tags: Mapping[str, str]) -> str:
    """What a step of a run with these tags is told; the reason, when it fails."""
    told: list[str] = []

    @dg.op
    def step(context: dg.OpExecutionContext) -> None:
        told.append(str(runs.as_of(context)))

    @dg.job
    def job() -> None:
        step()

    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    if not result.success:
        data = result.failure_data_for_node("step")
        assert data
        assert data.user_failure_data
        return str(data.user_failure_data.description)
    return told[0]


RANGE = {
    "dagster/asset_partition_range_start": "2024-03-01",
    "dagster/asset_partition_range_end": "2024-03-05",
}


@pytest.mark.parametrize(
    ("tags", "loaded", "expected"),
    [
        (RANGE, None, "2024-03-05"),
        (RANGE, "2024-03-03", "2024-03-05"),
        (RANGE, "2024-03-05", "2024-03-05"),
        # a correction of old days does not turn the clock back
        (RANGE, "2024-03-09", "2024-03-09"),
        ({"dagster/partition": "2024-03-02"}, None, "2024-03-02"),
        ({"dagster/partition": "2024-03-02"}, "2024-03-09", "2024-03-09"),
        # of a part of the graph, without a day
        ({}, "2024-03-09", "2024-03-09"),
    ],
)
def test_a_run_stands_for_the_later_of_its_end_and_what_is_loaded(
    where: Settings, tags: dict[str, str], loaded: str | None, expected: str
) -> None:
    if loaded:
        load(where, "2024-03-01", "loyalty/members")
        load(where, loaded)
    assert stands_for(tags) == expected


def test_files_that_are_no_loaded_day_tell_no_time(where: Settings) -> None:
    load(where, "2024-03-09.tmp")
    load(where, "draft")
    land(where, "2024-03-10")
    assert stands_for({}).startswith("Nothing is loaded yet: ")


# one run at a time


@contextmanager
def holder(where: Settings) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the home until it is told to let go."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=settings.PROJECT_ROOT,
        env={**os.environ, **where.environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def refusal(where: Settings) -> str:
    with pytest.raises(AlreadyRunning) as caught, runs.lock(where):
        pass
    return str(caught.value)


def test_the_lock_makes_the_home_and_lets_go_of_it(where: Settings) -> None:
    for _ in range(2):
        with runs.lock(where):
            assert where.run_lock.read_text() == str(os.getpid())


def test_a_second_run_of_this_process_is_turned_away(where: Settings) -> None:
    with runs.lock(where):
        assert f"process {os.getpid()}" in refusal(where)
    with runs.lock(where):
        pass


def test_the_lock_is_let_go_when_the_run_fails(where: Settings) -> None:
    with pytest.raises(ZeroDivisionError), runs.lock(where):
        _ = 1 / 0
    with runs.lock(where):
        pass


def test_another_home_is_another_lock(where: Settings, tmp_path: Path) -> None:
    other = Settings(tmp_path / "other", tmp_path, "duckdb", "UTC", "EUR", "US", 5)
    with runs.lock(where), runs.lock(other):
        assert other.run_lock.exists()


def test_another_process_is_named_and_its_lock_ends_with_it(where: Settings) -> None:
    """Killed like the kernel kills for want of memory, without a chance to clear up."""
    with holder(where) as other:
        sentence = refusal(where)
        assert f"process {other.pid}" in sentence
        assert str(where.home) in sentence
        assert "nothing was started" in sentence
        # to be turned away changes nothing for the one who holds it
        assert where.run_lock.read_text() == str(other.pid)
        assert sentence == refusal(where)
        other.send_signal(signal.SIGKILL)
        other.wait()
        with runs.lock(where):
            assert where.run_lock.read_text() == str(os.getpid())


# who only reads


def test_several_may_read_at_once_but_not_while_a_run_writes(where: Settings) -> None:
    turned_away = pytest.raises(AlreadyRunning, match=f"process {os.getpid()}")
    with runs.lock(where), turned_away, runs.reading(where):
        pass
    with runs.reading(where), runs.reading(where):
        pass


def test_a_run_waits_for_who_reads(where: Settings) -> None:
    with runs.lock(where):
        pass
    reader = runs.reading(where)
    reader.__enter__()
    threading.Timer(0.3, reader.__exit__, (None, None, None)).start()
    with runs.lock(where):
        assert where.run_lock.read_text() == str(os.getpid())


def test_a_run_does_not_wait_for_ever(where: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "READERS_SECONDS", 0.1)
    with runs.lock(where):
        pass
    with runs.reading(where):
        assert "reading the warehouse" in refusal(where)
    with runs.lock(where):
        pass


# the lock as Dagster's resource


@dg.op(required_resource_keys={"run_lock"})
def work() -> None:
    """A step that writes the home."""
    sentence = refusal(settings.load())
    assert f"process {os.getpid()}" in sentence


@dg.job(resource_defs={"run_lock": runs.run_lock})
def daily() -> None:
    """A job whose steps hold the home."""
    work()


def unfinished(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> str:
    return instance.create_run_for_job(job_def=daily, status=status).run_id


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run
    return run.status


def log_of(instance: dg.DagsterInstance, run_id: str) -> str:
    """All that the log of a run says."""
    return "\n".join(
        record.event_log_entry.message + record.event_log_entry.user_message
        for record in instance.get_records_for_run(run_id).records
    )


def test_a_run_holds_the_home_from_its_first_step_to_its_end(where: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert daily.execute_in_process(instance=instance).success
    with runs.lock(where):
        pass


def test_the_next_run_marks_killed_ones_as_failed_and_no_others(where: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        killed = [unfinished(instance, dg.DagsterRunStatus.STARTED) for _ in range(2)]
        waiting = unfinished(instance, dg.DagsterRunStatus.NOT_STARTED)
        done = unfinished(instance, dg.DagsterRunStatus.SUCCESS)
        result = daily.execute_in_process(instance=instance)
        assert status_of(instance, result.run_id) == dg.DagsterRunStatus.SUCCESS
        assert {status_of(instance, run) for run in killed} == {dg.DagsterRunStatus.FAILURE}
        assert status_of(instance, waiting) == dg.DagsterRunStatus.NOT_STARTED
        assert status_of(instance, done) == dg.DagsterRunStatus.SUCCESS
        reason = "The process was killed before the run ended."
        assert reason in log_of(instance, killed[0])
        assert reason not in log_of(instance, result.run_id)


def test_a_run_that_is_turned_away_says_so_and_harms_nobody(where: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        working = unfinished(instance, dg.DagsterRunStatus.STARTED)
        with runs.lock(where):
            result = daily.execute_in_process(instance=instance, raise_on_error=False)
            assert not result.success
            assert status_of(instance, working) == dg.DagsterRunStatus.STARTED
            assert f"process {os.getpid()}" in refusal(where)
        text = "".join(str(event.event_specific_data) for event in result.all_events)
    assert "Another run (process" in text
    assert "nothing was started" in text
