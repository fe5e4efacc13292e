"""The batching event log holds what Dagster's own would, or none of a batch that fails."""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import EventLogEntry
from dagster._core.instance import InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage

from orchestration.event_storage import _KEPT_OPEN, BatchingSqliteEventLogStorage

BATCH = 5
DAYS = [f"2024-03-{day:02}" for day in range(1, 13)]
"""Two whole batches and a part of one."""

RECEIPTS = dg.AssetKey(["raw", "receipts"])
PURCHASES = dg.AssetKey(["customers", "purchases"])
MATERIALIZATION = str(dg.DagsterEventType.ASSET_MATERIALIZATION)
CHECK = dg.AssetCheckKey(RECEIPTS, "arrival")
RANGE = {
    "dagster/asset_partition_range_start": DAYS[0],
    "dagster/asset_partition_range_end": DAYS[-1],
}


@dg.asset(
    key=RECEIPTS,
    partitions_def=dg.DailyPartitionsDefinition(start_date=DAYS[0]),
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("arrival", asset=RECEIPTS)],
)
def receipts(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """A feed of many days, loaded in one run."""
    for number, day in enumerate(context.partition_keys):
        context.add_asset_metadata({"rows": number}, partition_key=day)
    yield dg.MaterializeResult(
        metadata={"files": 1}, check_results=[dg.AssetCheckResult(passed=True)]
    )


@dg.asset(key=PURCHASES, deps=[RECEIPTS])
def purchases() -> dg.MaterializeResult[Any]:
    """What is made of it."""
    return dg.MaterializeResult(metadata={"rows": 7})


def instance_with(event_log: SqliteEventLogStorage) -> dg.DagsterInstance:
    """An instance that keeps everything in memory but its events."""
    return dg.DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=LocalArtifactStorage(event_log.path_for_shard("artifacts")),
        run_storage=InMemoryRunStorage(),
        event_storage=event_log,
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=DefaultRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
    )


@dataclass(frozen=True)
class Left:
    """What a run left in an event log, whatever its times and ids."""

    kinds: list[str]
    partitions: list[str]
    days: list[tuple[str | None, dict[str, Any]]]
    latest_by_partition: list[str]
    checks: list[str]
    keys: list[str]
    entries: list[EventLogEntry] = field(compare=False)


def run(storage: SqliteEventLogStorage) -> Left:
    """Load many days and what is made of them in one run, and look at its events."""
    with instance_with(storage) as instance:
        result = dg.materialize([receipts, purchases], instance=instance, tags=RANGE)
        assert result.success
        entries = list(instance.all_logs(result.run_id))
        records = instance.fetch_materializations(RECEIPTS, limit=1000).records
        return Left(
            kinds=[str(entry.dagster_event_type) for entry in entries],
            partitions=sorted(instance.get_materialized_partitions(RECEIPTS)),
            days=[
                (record.partition_key, {k: v.value for k, v in made.metadata.items()})
                for record in records
                if (made := record.asset_materialization)
            ],
            latest_by_partition=sorted(
                storage.get_latest_storage_id_by_partition(
                    RECEIPTS, dg.DagsterEventType.ASSET_MATERIALIZATION
                )
            ),
            checks=[
                str(check.status)
                for check in storage.get_asset_check_execution_history(CHECK, limit=10)
            ],
            keys=sorted(map(str, instance.get_asset_keys())),
            entries=entries,
        )


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """What the run leaves with Dagster's own event log."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(BATCH))
        return run(SqliteEventLogStorage(str(tmp_path_factory.mktemp("own"))))


@pytest.fixture
def entries(own: Left) -> list[EventLogEntry]:
    """Materialisations to be stored."""
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    chosen = [entry for entry in own.entries if entry.dagster_event_type == kind]
    assert len(chosen) == len(DAYS) + 1
    return chosen


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BatchingSqliteEventLogStorage:
    """An empty event log of ours."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(BATCH))
    return BatchingSqliteEventLogStorage(str(tmp_path / "events"))


def stored(storage: SqliteEventLogStorage, entries: Sequence[EventLogEntry]) -> tuple[int, int]:
    """How many events the run's file and the index over all runs hold."""
    indexed = storage.get_event_records(
        dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION), limit=10_000
    )
    return len(storage.get_logs_for_run(entries[0].run_id)), len(indexed)


def test_a_run_leaves_the_same_as_with_dagsters_own(
    storage: BatchingSqliteEventLogStorage, own: Left
) -> None:
    ours = run(storage)
    assert ours == own
    assert ours.partitions == ours.latest_by_partition == DAYS
    assert [day for day, _ in ours.days] == DAYS[::-1]
    assert [metadata["rows"] for _, metadata in ours.days] == list(range(len(DAYS)))[::-1]
    assert Counter(ours.kinds)[MATERIALIZATION] == len(DAYS) + 1


def test_dagster_builds_it_from_its_yaml(tmp_path: Path) -> None:
    config = {
        "event_log_storage": {
            "module": "orchestration.event_storage",
            "class": "BatchingSqliteEventLogStorage",
            "config": {"base_dir": str(tmp_path / "events")},
        },
        "telemetry": {"enabled": False},
    }
    (tmp_path / "dagster.yaml").write_text(json.dumps(config))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert type(instance.event_log_storage) is BatchingSqliteEventLogStorage
        assert instance.event_log_storage.inst_data


def test_a_batch_is_stored_in_order(
    storage: BatchingSqliteEventLogStorage, entries: list[EventLogEntry]
) -> None:
    storage.store_event_batch(entries)
    assert stored(storage, entries) == (len(entries), len(entries))
    partitions = [
        entry.dagster_event.partition
        for entry in storage.get_logs_for_run(entries[0].run_id)
        if entry.dagster_event
    ]
    assert [day for day in partitions if day] == DAYS


def test_an_empty_batch_is_nothing(storage: BatchingSqliteEventLogStorage) -> None:
    storage.store_event_batch([])
    assert storage.get_all_run_ids() == []


def test_a_failing_event_leaves_none_of_its_batch_behind(
    storage: BatchingSqliteEventLogStorage,
    entries: list[EventLogEntry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage.store_event(entries[0])

    def fails(*_: Any) -> None:
        raise OSError("no room")

    # the last thing that a batch does, after all its events are written
    with monkeypatch.context() as patch, pytest.raises(OSError, match="no room"):
        patch.setattr(storage, "_store_asset_event", fails)
        storage.store_event_batch(entries[1:])
    assert stored(storage, entries) == (1, 1)
    # and the storage is as good as before
    storage.store_event_batch(entries[1:4])
    storage.store_event(entries[4])
    assert stored(storage, entries) == (5, 5)


def test_a_batch_that_fails_in_a_run_is_stored_event_by_event(
    storage: BatchingSqliteEventLogStorage,
    own: Left,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As Dagster does; since the failed batch left nothing, no event is there twice."""
    original = storage._store_asset_event_tags
    calls: list[int] = []

    def fails_once(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise OSError("the disk was busy")
        original(*arguments)

    monkeypatch.setattr(storage, "_store_asset_event_tags", fails_once)
    ours = run(storage)
    assert "the disk was busy" in capsys.readouterr().err
    assert ours == own


def test_several_threads_store_all_they_have(
    storage: BatchingSqliteEventLogStorage, entries: list[EventLogEntry]
) -> None:
    threads, batches = 4, 2
    failures: list[Exception] = []
    counts: list[int] = []
    is_over = threading.Event()

    def write() -> None:
        try:
            for _ in range(batches):
                storage.store_event_batch(entries)
                storage.store_event(entries[0])
        except Exception as error:
            failures.append(error)

    def read() -> None:
        try:
            while not is_over.is_set():
                counts.append(len(storage.get_logs_for_run(entries[0].run_id)))
        except Exception as error:
            failures.append(error)

    storage.store_event(entries[0])
    writers = [threading.Thread(target=write) for _ in range(threads)]
    reader = threading.Thread(target=read)
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    is_over.set()
    reader.join()
    assert failures == []
    total = 1 + threads * batches * (len(entries) + 1)
    assert stored(storage, entries) == (total, total)
    assert counts == sorted(counts)
    # whole batches, each followed by its thread's single event: never a part of a batch
    whole = {
        1 + len(entries) * done + single
        for done in range(threads * batches + 1)
        for single in range(max(0, done - threads), done + 1)
    }
    assert set(counts) <= whole


def test_a_failing_batch_takes_no_other_threads_event_with_it(
    storage: BatchingSqliteEventLogStorage, entries: list[EventLogEntry]
) -> None:
    begun, tried = threading.Event(), threading.Event()

    class Doomed(list[EventLogEntry]):
        """Events of which the second never comes."""

        def __iter__(self) -> Iterator[EventLogEntry]:
            yield entries[0]
            begun.set()
            tried.wait(5)
            raise OSError("gone")

    def store_one() -> None:
        begun.wait(5)
        threading.Timer(0.05, tried.set).start()
        storage.store_event(entries[1])

    other = threading.Thread(target=store_one)
    other.start()
    with pytest.raises(OSError, match="gone"):
        storage.store_event_batch(Doomed())
    other.join()
    (event,) = storage.get_logs_for_run(entries[0].run_id)
    assert event.dagster_event
    assert entries[1].dagster_event
    assert event.dagster_event.partition == entries[1].dagster_event.partition
    assert stored(storage, entries) == (1, 1)


def test_files_stay_open_but_never_many(tmp_path: Path) -> None:
    """A process that looks at every run of a year must not hold a file for each."""
    storage = BatchingSqliteEventLogStorage(str(tmp_path))
    for number in range(_KEPT_OPEN + 3):
        assert storage.get_logs_for_run(f"run{number}") == []
    assert len(storage._engines) == _KEPT_OPEN
    newest = storage._engines[f"run{_KEPT_OPEN + 2}"]
    assert storage.get_logs_for_run(f"run{_KEPT_OPEN + 2}") == []
    assert storage._engines[f"run{_KEPT_OPEN + 2}"] is newest
    storage.dispose()
    assert storage._engines == {}
    assert not list(tmp_path.glob("*.db-wal")), "closed files have taken their logs in"
    assert storage.get_logs_for_run("run0") == []
    storage.dispose()
