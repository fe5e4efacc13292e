"""What is true of the demo retailer, written beside its feeds for whoever wants to check a result.

`truths/<name>.sql` says what one truth is and how it is read from the world; each becomes
`<name>.parquet`. The pipeline never reads them, and nothing that the pipeline could know is
repeated here.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb

from orchestration.demo import copy_rows

_QUERIES = Path(__file__).parent / "truths"

Refusal = tuple[str, date, str, int]
"""Rows planted to be refused: feed, load date, reason, count."""


def names() -> list[str]:
    """The truths that are told, besides `refused_rows` and `parameters`."""
    return sorted(path.stem for path in _QUERIES.glob("*.sql"))


def write(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    refusals: Sequence[Refusal],
    parameters: dict[str, int | str],
) -> dict[str, int]:
    """Write every truth of the world in `connection` to `folder`; returns their row counts.

    `refused_rows` has a row per feed, load date and reason; `parameters` one per parameter, so that
    a truth can be told from another one's.
    """
    connection.execute(
        "create or replace temp table refused_rows as select unnest(?::varchar[]) as feed, "
        "unnest(?::date[]) as load_date, unnest(?::varchar[]) as reason, "
        "unnest(?::bigint[]) as row_count",
        [[refusal[place] for refusal in sorted(refusals)] for place in range(4)],
    )
    connection.execute(
        "create or replace temp table parameters as "
        "select unnest(?::varchar[]) as parameter, unnest(?::varchar[]) as value",
        [list(parameters), [str(value) for value in parameters.values()]],
    )
    rows = {
        name: copy_rows(connection, f"from {name} order by all", folder / f"{name}.parquet")
        for name in ("refused_rows", "parameters")
    }

    def tell(name: str) -> int:
        query = (_QUERIES / f"{name}.sql").read_text(encoding="utf-8")
        with closing(connection.cursor()) as cursor:
            return copy_rows(cursor, query, folder / f"{name}.parquet")

    # as with the feeds' files: one thread each, so that the bytes are the same, and two at a time
    connection.execute("set threads = 1")
    with ThreadPoolExecutor(max_workers=2) as pool:
        rows.update(zip(names(), pool.map(tell, names()), strict=True))
    return rows
