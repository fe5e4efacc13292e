"""Feed contracts: the dbt sources, read as typed and validated values.

A feed's contract is its table in `dbt_project/models/staging/<source>/_<source>__sources.yml`:
columns, types and what is required from dbt's own keys, and the rest (key, cursor, limits) from
`config.meta`. The reader, the raw assets, the arrival suites and the docs all start here, so that
nothing is described twice. What a contract means for a file is in `reading`, not here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from orchestration import settings

SOURCES_ROOT = settings.PROJECT_ROOT / "dbt_project" / "models" / "staging"

LINEAGE_TYPES = {
    "_load_date": "date",
    "_source_file": "varchar",
    "_line_number": "bigint",
    "_raw_version": "varchar",
}
"""Columns that the reader adds to every raw table, with their types."""

_NAME = r"^[a-z][a-z0-9_]{0,62}$"

Identifier = Annotated[str, Field(pattern=_NAME)]
"""A name that is safe, unquoted, in SQL and in a path."""

DataType = Annotated[
    str,
    Field(pattern=r"^(varchar|integer|bigint|double|boolean|date|timestamp|decimal\(\d+, ?\d+\))$"),
]

Bound = int | float | str | None
"""One end of a range: a number, the name of a numeric column of the same feed, or open."""

_NUMERIC = re.compile(r"integer|bigint|double|decimal\(.*\)")


class ContractError(Exception):
    """A sources yaml does not hold a usable contract. The message names file and line."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _is_bound(value: Any) -> bool:
    if isinstance(value, str):
        return re.fullmatch(_NAME, value) is not None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value is None
    return math.isfinite(value)


class Period(_Strict):
    """A span of time in dbt's own words."""

    count: int = Field(gt=0)
    period: Literal["hour", "day"]

    @property
    def as_timedelta(self) -> timedelta:
        """The span as Python's own type."""
        return timedelta(**{f"{self.period}s": self.count})


class Freshness(_Strict):
    """How old the newest arrival may be, once a feed has begun to arrive."""

    warn_after: Period | None = None
    error_after: Period | None = None


class Volume(_Strict):
    """How far a day's row count may lie from the median of the trailing days, as ratios."""

    trailing_days: int = Field(default=28, ge=3)
    min_ratio: float = Field(default=0.0, ge=0)
    max_ratio: float = Field(default=1e9, gt=0)


class CsvDialect(_Strict):
    """How a feed's delimited files are written."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', max_length=1)
    encoding: Literal["utf-8", "latin-1"] = "utf-8"


class Column(_Strict):
    """One column of a feed, as it must be once read.

    `range` holds the bounds of a number, which belong to it; one that names a column binds in the
    rows where that column has a value.
    """

    name: Identifier
    data_type: DataType
    description: str = Field(min_length=1)
    is_required: bool = False
    allowed: tuple[str, ...] = ()
    range: tuple[Bound, Bound] | None = None
    pii: Literal["none", "name", "email", "phone", "address", "birth_date", "handle", "text"] = (
        "none"
    )

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers."""
        return _NUMERIC.fullmatch(self.data_type) is not None

    @field_validator("range", mode="before")
    @classmethod
    def _range_is_a_pair(cls, value: Any) -> Any:
        is_pair = isinstance(value, (list, tuple)) and len(value) == 2
        if value is not None and not (is_pair and all(_is_bound(bound) for bound in value)):
            raise ValueError("must be [low, high], each a number, null or the name of a column")
        return value

    @model_validator(mode="after")
    def _range_binds_a_number(self) -> Column:
        if self.range is None:
            return self
        if not self.is_numeric:
            raise ValueError(f"range: only a number has one, and {self.name} is {self.data_type}")
        low, high = self.range
        if low is None and high is None:
            raise ValueError("range: both ends are open, so that it says nothing")
        if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
            raise ValueError(f"range: low {low} is above high {high}")
        return self


class Feed(_Strict):
    """The contract of one upstream table.

    `duplicates` says what several rows of one key within one load date mean: `refuse` stops the
    day at the gate, `keep_latest` leaves them to staging, where the latest `cursor` wins.
    """

    source: Identifier
    table: Identifier
    description: str = Field(min_length=1)
    owner: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    columns: tuple[Column, ...] = Field(min_length=1)
    key: tuple[Identifier, ...] = Field(min_length=1)
    cursor: Identifier | None = None
    duplicates: Literal["refuse", "keep_latest"] = "refuse"
    max_reject_share: float = Field(default=0.01, ge=0, le=1)
    freshness: Freshness = Freshness()
    volume: Volume = Volume()
    csv: CsvDialect = CsvDialect()
    path: Path
    line: int

    @property
    def name(self) -> str:
        """`source.table`, as people write it."""
        return f"{self.source}.{self.table}"

    @property
    def identifier(self) -> str:
        """The name of the feed's relation in the warehouse's schema `raw`."""
        return f"{self.source}__{self.table}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The contract's columns in their order."""
        return tuple(column.name for column in self.columns)

    @field_validator("columns")
    @classmethod
    def _columns_are_distinct(cls, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        names = [column.name for column in columns]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"columns named twice: {', '.join(repeated)}")
        return columns

    @field_validator("columns")
    @classmethod
    def _ranges_name_numbers(cls, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        numeric = {column.name for column in columns if column.is_numeric}
        problems = [
            # an error with the column's place, so that its line is named and not the table's
            InitErrorDetails(
                type=PydanticCustomError("range", f"`{bound}` is no other numeric column"),
                loc=(place, "range"),
                input=bound,
            )
            for place, column in enumerate(columns)
            for bound in column.range or ()
            if isinstance(bound, str) and bound not in numeric - {column.name}
        ]
        if problems:
            raise ValidationError.from_exception_data("Feed", problems)
        return columns

    @model_validator(mode="after")
    def _key_and_cursor_are_columns(self) -> Feed:
        unknown = {*self.key, *([self.cursor] if self.cursor else [])} - set(self.column_names)
        if unknown:
            raise ValueError(f"key or cursor names no column: {', '.join(sorted(unknown))}")
        return self


def load(root: Path = SOURCES_ROOT) -> tuple[Feed, ...]:
    """Read every contract below `root`, ordered by name.

    Raises ContractError, naming file and line, at the first contract that cannot be used.
    """
    feeds = [feed for path in sorted(root.glob("*/_*__sources.yml")) for feed in _read_file(path)]
    return tuple(sorted(feeds, key=lambda feed: feed.name))


def _read_file(path: Path) -> Iterator[Feed]:
    try:
        document = yaml.load(path.read_bytes(), Loader=_LineLoader)  # noqa: S506 - a SafeLoader
    except yaml.reader.ReaderError as error:
        # yaml counts bytes while it decodes, and characters afterwards
        raw = path.read_bytes()
        text = raw.decode() if error.encoding == "unicode" else raw.decode("latin-1")
        line = text[: error.position].count("\n") + 1
        raise ContractError(f"{path}:{line}: not readable as yaml: {error.reason}.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError(f"{path}:{line}: not readable as yaml: {error.problem}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("sources"), list):
        raise ContractError(f"{path}:1: a list `sources:` is expected at the top.")
    for source in document["sources"]:
        tables = source.get("tables") if isinstance(source, dict) else None
        if not isinstance(tables, list):
            raise ContractError(f"{path}:{_line(source)}: the source has no list `tables:`.")
        expected = path.name.removeprefix("_").removesuffix("__sources.yml")
        if source.get("name") != expected or path.parent.name != expected:
            raise ContractError(
                f"{path}:{_line(source)}: source `{source.get('name')}` must live in "
                f"{source.get('name')}/_{source.get('name')}__sources.yml."
            )
        for table in tables:
            yield _feed(path, source, table)


def _feed(path: Path, source: Mapping[str, Any], table: Any) -> Feed:
    """One contract from dbt's shape. The mapping stands here once, so the models stay plain."""
    where = f"{path}:{_line(table if isinstance(table, dict) else source)}"
    if not isinstance(table, dict):
        raise ContractError(f"{where}: a table must be a mapping with `name` and `columns`.")
    name = f"{source.get('name')}.{table.get('name')}"
    identifier = f"{source.get('name')}__{table.get('name')}"
    if table.get("identifier") != identifier:
        raise ContractError(f"{where}: {name}: `identifier` must be {identifier}.")
    config = _mapping(table, "config", where)
    meta = {
        **_mapping(_mapping(source, "config", where), "meta", where),
        **_mapping(config, "meta", where),
    }
    listed = table.get("columns")
    columns: list[Any] = listed if isinstance(listed, list) else []
    values = {
        **meta,
        "source": source.get("name"),
        "table": table.get("name"),
        "description": table.get("description", ""),
        "columns": [_column(column, where) for column in columns],
        "path": path,
        "line": _line(table),
    }
    if "freshness" in config:
        values["freshness"] = config["freshness"]
    try:
        return Feed.model_validate(_without_lines(values))
    except ValidationError as error:
        first = error.errors()[0]
        line = _line_of(columns, first["loc"], table)
        place = ".".join(str(part) for part in first["loc"])
        problem = re.sub(r"^Value error, ", "", first["msg"])
        raise ContractError(f"{path}:{line}: {name}: {place or 'contract'}: {problem}.") from error


def _column(column: Any, where: str) -> Any:
    if not isinstance(column, dict):
        return column
    meta = _mapping(_mapping(column, "config", where), "meta", where)
    constraints = column.get("constraints") or []
    kinds = [item.get("type") if isinstance(item, dict) else item for item in constraints]
    if any(kind != "not_null" for kind in kinds):
        raise ContractError(
            f"{column['__line__'].path_line(where)}: column {column.get('name')}: "
            "the only constraint a feed's column can have is not_null."
        )
    return {
        **meta,
        "name": column.get("name"),
        "data_type": column.get("data_type"),
        "description": column.get("description", ""),
        "is_required": "not_null" in kinds,
    }


class _Line(int):
    """The line a mapping begins on, kept inside the mapping under `__line__`."""

    def path_line(self, where: str) -> str:
        """`where` with its line replaced by this one."""
        return f"{where.rsplit(':', 1)[0]}:{int(self)}"


class _LineLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A safe loader, in C where there is one, whose mappings remember where they began."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        mapping["__line__"] = _Line(node.start_mark.line + 1)
        return mapping


def _mapping(parent: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    value = parent.get(key) or {}
    if not isinstance(value, dict):
        raise ContractError(f"{where}: `{key}` must be a mapping.")
    return value


def _line(node: Any) -> int:
    return int(node["__line__"]) if isinstance(node, dict) else 1


def _line_of(columns: list[Any], location: tuple[int | str, ...], table: Any) -> int:
    """The line of the column an error lies in, else the table's."""
    if len(location) > 1 and location[0] == "columns" and isinstance(location[1], int):
        column = columns[location[1]]
        return _line(column if isinstance(column, dict) else table)
    return _line(table)


def _without_lines(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_lines(item) for key, item in value.items() if key != "__line__"}
    if isinstance(value, list):
        return [_without_lines(item) for item in value]
    return value
