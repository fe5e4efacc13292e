"""Dagster's SQLite event log, storing a batch of events at once, in files that stay open.

Dagster's own class opens, commits and closes a connection for every single event, looks up the
tables' columns for it, and rewrites its asset's row: about 20 ms each. A backfill of a year over
all feeds would spend minutes on book-keeping, and a small day half its time. Dagster already hands
over the events of a partition range as batches (`DAGSTER_EVENT_BATCH_SIZE`); this class makes use
of it, keeps its files open, and changes nothing else. Configured in `dagster.yaml`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Self

from dagster import EventLogEntry
from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, NullPool, StaticPool, create_engine
from sqlalchemy.event import listen

_KEPT_OPEN = 8
"""How many files stay open: the index over all runs, and those of the runs last looked at."""


class BatchingSqliteEventLogStorage(SqliteEventLogStorage):
    """`SqliteEventLogStorage` that stores a batch with a few statements in each of its files."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)
        # a batch writes both files at a time, and each takes the lock
        self._db_lock = threading.RLock()  # type: ignore[assignment]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Build from `dagster.yaml`; the parent's names its own class here."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """A transaction on one file, over a connection that stays open for the next.

        Opening costs little; closing the last connection makes SQLite write its log back, and a new
        engine compiles every statement anew.
        """
        with self._db_lock:
            engine = self._engines.pop(shard, None) or self._open(shard)
            # the oldest goes first, and the one in use is the newest
            self._engines[shard] = engine
            while len(self._engines) > _KEPT_OPEN:
                self._engines.pop(next(iter(self._engines))).dispose()
            with engine.begin() as connection:
                yield connection

    def _open(self, shard: str) -> Engine:
        place = self.conn_string_for_shard(shard)
        waits = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
        if shard not in self._initialized_dbs:
            # needs several connections at once
            self._initdb(create_engine(place, poolclass=NullPool, connect_args=waits))
            self._initialized_dbs.add(shard)
        # one connection for all threads, which the lock keeps apart
        engine = create_engine(
            place, poolclass=StaticPool, connect_args={**waits, "check_same_thread": False}
        )
        # a commit must outlive the process, which it does; only a power cut may lose the last ones
        listen(engine, "connect", lambda opened, _: opened.execute("pragma synchronous = normal"))
        return engine

    def dispose(self) -> None:
        """Close all files."""
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
        super().dispose()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events, each stretch about assets of one run whole or, when one fails, not at all.

        What the parent does per event; events about anything else take its way.
        """
        for run_id, stretch in groupby(events, key=_run_about_assets):
            if run_id is None:
                super().store_event_batch(list(stretch))
            else:
                self._store_asset_events(run_id, list(stretch))

    def _store_asset_events(self, run_id: str, events: Sequence[EventLogEntry]) -> None:
        table = SqlEventLogStorageTable
        rows = [self._event_to_row(event) for event in events]
        # of several events of one kind about an asset, the last decides what its row says
        last = {
            (event.dagster_event_type, row["asset_key"]): place
            for place, (event, row) in enumerate(zip(events, rows, strict=True))
        }
        # one inside the other: when the index over all runs fails, the run's file is rolled back
        with self.run_connection(run_id) as run, self.index_transaction() as index:
            run.execute(table.insert(), rows)
            numbered = table.insert().returning(table.c.id, sort_by_parameter_order=True)
            ids: Sequence[int] = index.execute(numbered, rows).scalars().all()
            self._store_asset_event_tags(index, events, ids)
            for place in sorted(last.values()):
                self._store_asset_event(index, events[place], ids[place])


def _run_about_assets(event: EventLogEntry) -> str | None:
    """The run of an event about an asset, None for any other event."""
    dagster_event = event.dagster_event
    is_about_an_asset = (
        dagster_event is not None
        and event.dagster_event_type in ASSET_EVENTS
        and dagster_event.asset_key is not None
    )
    return event.run_id if is_about_an_asset else None
