"""The demo retailer as tests see it: its landed files as relations, and the truth beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb


@dataclass(frozen=True)
class Demo:
    """A written demo and a connection to ask it."""

    landing: Path
    truth: Path
    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def feed(self, name: str) -> str:
        """SQL: every landed row of a feed, all columns as text, with `landed_on` (date)."""
        folder = self.landing.joinpath(*name.split("."))
        endings = {"".join(path.suffixes) for path in folder.glob("*/*")}
        parts = []
        for ending in sorted(endings):
            files = f"'{folder}/*/*{ending}'"
            if ending.startswith(".csv"):
                read = f"read_csv({files}, header=true, all_varchar=true, filename=true)"
            elif ending.startswith(".jsonl"):
                read = (
                    f"read_json({files}, format='newline_delimited', filename=true, "
                    "sample_size=-1, union_by_name=true, convert_strings_to_integers=false)"
                )
            else:
                read = f"read_parquet({files}, filename=true, union_by_name=true)"
            parts.append(f"select cast(columns(*) as varchar) from {read}")
        rows = " union all by name ".join(parts)
        landed_on = "cast(regexp_extract(filename, '(\\d{4}-\\d{2}-\\d{2})/[^/]*$', 1) as date)"
        return f"(select * exclude (filename), {landed_on} as landed_on from ({rows}))"

    def told(self, name: str) -> str:
        """SQL: the rows of a truth."""
        return f"read_parquet('{self.truth / name}.parquet')"

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(query).fetchall()

    def number(self, query: str) -> Any:
        """The one value of a query."""
        ((value,),) = self.ask(query)
        return value
