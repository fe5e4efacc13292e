"""One model built again by dbt, from tables of a warehouse that are changed first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import duckdb

from tests.tenant import Tenant


def rebuilt(
    source: duckdb.DuckDBPyConnection,
    as_of: date,
    folder: Path,
    model: str,
    inputs: Sequence[str],
    change: Callable[[duckdb.DuckDBPyConnection], None],
) -> duckdb.DuckDBPyConnection:
    """What dbt makes of a model when what it reads is changed first, in a warehouse of its own."""
    from orchestration import settings, transform

    scratch = Tenant(folder)
    scratch.home.mkdir(parents=True)
    path = scratch.home / "warehouse.duckdb"
    with duckdb.connect(str(path)) as warehouse:
        for name in inputs:
            warehouse.execute(f"create schema if not exists {name.partition('.')[0]}")
            rows = source.execute(f"from {name}").to_arrow_table()
            warehouse.register("rows", rows)
            warehouse.execute(f"create table {name} as from rows")
            warehouse.unregister("rows")
        change(warehouse)
    with scratch.environment():
        outcome = transform.invoke(settings.load(), as_of, ["run", "--quiet", "--select", model])
    assert outcome.success, outcome
    return duckdb.connect(str(path), read_only=True)
