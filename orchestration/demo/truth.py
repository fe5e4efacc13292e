"""What is true of the demo retailer, written beside its feeds for whoever wants to check a result.

`truths/<name>.sql` says what one truth is and how it is read from the world; each becomes
`<name>.parquet`. The pipeline never reads them, and nothing that the pipeline could know is
repeated here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb

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
    queries = {name: (_QUERIES / f"{name}.sql").read_text(encoding="utf-8") for name in names()}
    queries["refused_rows"] = "from refused_rows order by all"
    queries["parameters"] = "from parameters order by all"
    rows = {}
    for name, query in queries.items():
        path = str(folder / f"{name}.parquet").replace("'", "''")
        # the line break ends a comment in the query's last line
        count = connection.execute(
            f"copy (\n{query}\n) to '{path}' (format parquet, compression zstd)"
        ).fetchone()
        rows[name] = int(count[0]) if count else 0
    return rows
