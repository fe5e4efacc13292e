"""Reading: a feed's contract and the files of many days become accepted and refused rows.

Every format is brought to the same shape, one text per column of the contract; typing, refusing
and writing are then the same for all. All days of a batch go through each step in one query.
Nothing is written outside the folder that is given: deciding what to read, and moving the results
into place, is for `raw`. How files become lines and records is in `landed`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from orchestration import landed
from orchestration.feeds import LINEAGE_TYPES, CsvDialect, Feed
from orchestration.landed import LandedFile

__all__ = ["DayReading", "LandedFile", "footers", "read_days", "read_footer"]

FOOTER_KEY = "insights"
"""The key in a Parquet footer under which a day's provenance stands, as JSON."""

_READER = 1
"""Part of every version: raise it when the same files would be read differently."""

_BATCH_BYTES = 768 << 20
"""How much text one batch of days may hold, so that a long backfill needs no more memory."""

_EXPANSION = {"none": 1, "gzip": 8, "zstd": 8}
_ENDINGS = ".csv, .jsonl or .parquet (the first two also .gz or .zst)"

_FIELD_END = "\x1e\x1f"
"""Stands for the delimiter while quoted text, which may hold delimiters, is taken apart."""

_BLANKS = " \t\r\n"

_WHOLE_NUMBER = "[+-]?[0-9]+([.]0*)?"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MIDNIGHT = f"{_DAY}([T ]00:00(:00([.]0+)?)?(Z|[+]00(:?00)?)?)?"
_TIME = "[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
_MOMENT = f"{_DAY}([T ]{_TIME}(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)?)?"

_SHOWABLE_NAME = re.compile(r"[^\W\d][\w .:/()#%-]{0,62}")
"""A header name fit for a message. Anything else may be a customer's value in the wrong place."""


@dataclass(frozen=True)
class DayReading:
    """What became of one day's files.

    The counts are what was found, also on a day that is refused whole; such a day has an `error`
    and no `parquet`. `version` is the same for the same files under the same contract.
    """

    day: date
    accepted_count: int
    refused_count: int
    refused_by_reason: Mapping[str, int]
    error: str | None
    notes: tuple[str, ...]
    missing_columns: tuple[str, ...]
    parquet: Path | None
    quarantine: Path | None
    version: str


def read_days(
    feed: Feed, days: Mapping[date, Sequence[LandedFile]], work: Path
) -> list[DayReading]:
    """Read every day's files as the contract says, and stage the result below `work`.

    Accepted rows go to `raw/<source>/<table>/<day>.parquet`, refused ones beside it under
    `quarantine`. Accepted rows have the contract's columns, then `_load_date`, `_source_file`,
    `_line_number` (of the physical line a record begins on, the header being line 1; in Parquet
    the row, from 1) and `_raw_version`. The quarantine has one row per problem: `file`,
    `line_number`, `reason`, `column`, `text`. Same files, same bytes, whatever the batch.

    Text is trimmed and empty text is null. A timestamp without an offset is UTC. A date may carry
    a midnight. A decimal with too many places is rounded, half away from zero. A whole number may
    be written `3.0`. A line break inside a quoted field is read as a line feed.

    Returns one reading per day, in order. A bad file is a reading with an `error`; OSError and
    duckdb.Error are raised only for what is wrong on our side, such as a full disk.
    """
    for station in ("raw", "quarantine"):
        _folder(work, station, feed).mkdir(parents=True, exist_ok=True)
    arrivals = _arrivals(feed, days)
    with (
        tempfile.TemporaryDirectory(dir=work, prefix="reading-") as scratch,
        closing(_connect(Path(scratch))) as con,
    ):
        return [
            reading
            for batch in _batches(arrivals)
            for reading in _Batch(con, feed, batch, Path(scratch)).read(work)
        ]


def footers(paths: Iterable[Path]) -> dict[Path, dict[str, Any]]:
    """The provenance in the footers of many Parquet files that `read_days` wrote, in one query.

    Keys: `version`, `columns` (see `column_types`), `files` (each `name`, `size`, `modified_ns`,
    `sha256`), `accepted_count`, `refused_by_reason`, `notes`,
    `missing_columns`, `error`. A file without it, or that
    cannot be read, is left out.
    """
    found: dict[Path, dict[str, Any]] = {}
    wanted = list(paths)
    if not wanted:
        return found
    with closing(duckdb.connect()) as con:

        def read(part: Sequence[Path]) -> None:
            rows = con.execute(
                "select file_name, decode(value) from parquet_kv_metadata(?) where decode(key) = ?",
                [[landed.literal_path(path) for path in part], FOOTER_KEY],
            ).fetchall()
            found.update((Path(name), json.loads(value)) for name, value in rows)

        landed.by_halves(wanted, read, lambda path: None)
    return found


def column_types(feed: Feed) -> dict[str, str]:
    """The columns of a feed's raw files and their types, in order."""
    return {column.name: column.data_type for column in feed.columns} | LINEAGE_TYPES


def read_footer(path: Path) -> dict[str, Any] | None:
    """The provenance in one file's footer (see `footers`), or None."""
    return footers([path]).get(path)


_Problem = tuple[str, str]
"""What is wrong with a file, and what to do about it."""


_Layout = tuple[Any, tuple[Any, ...]]
"""Where a file keeps the contract's columns; files that agree are read by one query.

CSV: the number of fields, and places from 1. JSON Lines: nothing, and keys. Parquet: types, and
names. None stands for a column that is not there.
"""


@dataclass
class _File:
    """One file on its way through a batch. A `problem` ends its whole day.

    `rows` counts rows by first problem (None: accepted); `values` holds (of the wrong type, all)
    for columns whose type failed somewhere in the batch.
    """

    source: LandedFile
    kind: landed.Kind
    compression: landed.Compression
    sha256: str
    number: int = -1
    header_line: int = 0
    layout: _Layout = (None, ())
    problem: _Problem | None = None
    notes: list[str] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    rows: Counter[str | None] = field(default_factory=Counter)
    values: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's own name, fit for a message."""
        return _printable(self.source.path.name)


@dataclass
class _Day:
    """One day on its way through a batch: the files to read, and what is known without reading."""

    day: date
    version: str
    provenance: list[dict[str, Any]]
    files: list[_File]
    problems: list[_Problem]
    notes: list[str]

    @property
    def text_bytes(self) -> int:
        """About how much text the day holds."""
        return sum(file.source.size * _EXPANSION[file.compression] for file in self.files)


def _arrivals(feed: Feed, days: Mapping[date, Sequence[LandedFile]]) -> list[_Day]:
    """Fingerprint every file of every day, several at a time: hashing leaves Python's lock."""
    listed = {
        day: sorted(
            (file for file in days[day] if not file.path.name.startswith((".", "_"))),
            key=lambda file: file.path.name,
        )
        for day in sorted(days)
    }
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        prints = pool.map(_fingerprint, [file for files in listed.values() for file in files])
        return [
            _arrival(feed, day, [(file, next(prints)) for file in files])
            for day, files in listed.items()
        ]


def _fingerprint(file: LandedFile) -> landed.Fingerprint:
    shape = landed.form(file.path.name)
    return landed.fingerprint(file.path, shape[1] if shape else "none")


def _arrival(feed: Feed, day: date, files: Sequence[tuple[LandedFile, landed.Fingerprint]]) -> _Day:
    """A day before it is read: unusable files are named, repeated ones dropped."""
    provenance = [
        {
            "name": file.path.name,
            "size": file.size,
            "modified_ns": file.modified_ns,
            "sha256": seen.sha256,
        }
        for file, seen in files
    ]
    arrival = _Day(day, _version(feed, provenance), provenance, [], [], [])
    first_with: dict[str, str] = {}
    for file, seen in files:
        name = _printable(file.path.name)
        shape = landed.form(file.path.name)
        if shape is None:
            arrival.problems.append((f"{name} does not end in {_ENDINGS}", "rename or remove it"))
        elif seen.flaw:
            arrival.problems.append((f"{name} {seen.flaw}", "deliver it again"))
        elif seen.sha256 in first_with:
            arrival.notes.append(
                f"{name} is the same as {first_with[seen.sha256]} and was skipped."
            )
        else:
            first_with[seen.sha256] = name
            arrival.files.append(_File(file, *shape, seen.sha256))
    if not files:
        arrival.problems.append(
            ("there is no file to read", f"deliver one that ends in {_ENDINGS}")
        )
    return arrival


def _version(feed: Feed, provenance: Sequence[Mapping[str, Any]]) -> str:
    """16 hex digits over all that decides what is read: contract, file names and their bytes."""
    parts = [
        _READER,
        [(c.name, c.data_type, c.is_required, c.allowed, c.range) for c in feed.columns],
        feed.csv.model_dump(),
        feed.max_reject_share,
        [(file["name"], file["sha256"]) for file in provenance],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _batches(days: Sequence[_Day]) -> Iterator[list[_Day]]:
    batch: list[_Day] = []
    size = 0
    for day in days:
        if batch and size + day.text_bytes > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(day)
        size += day.text_bytes
    if batch:
        yield batch


def _connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory that spills into `scratch` and never reaches for the network."""
    con = duckdb.connect(
        config={"temp_directory": str(scratch / "spill"), "autoinstall_known_extensions": False}
    )
    con.execute("set TimeZone = 'UTC'; set preserve_insertion_order = true")
    return con


class _Batch:
    """The days read together, and the tables they share, in which `f` is a file's number.

    `lines`, `rejected`  see `landed.read_lines`
    `staged`             the contract's columns as c0, c1, .., typed; `problems` is null for an
                         accepted row, `text` for all but refused ones
    `refused`            the refused rows of `staged`
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, feed: Feed, days: Sequence[_Day], scratch: Path
    ) -> None:
        self.con = con
        self.feed = feed
        self.days = days
        self.scratch = scratch
        self.files = [file for day in days if not day.problems for file in day.files]
        for number, file in enumerate(self.files):
            file.number = number
        typed = ", ".join(f"c{i} {c.data_type}" for i, c in enumerate(feed.columns))
        con.execute(
            f"create or replace table staged (f bigint, line_number bigint, {typed}, "
            "problems varchar[], text varchar)"
        )

    def read(self, work: Path) -> list[DayReading]:
        """Stage all files, then write each day's slice."""
        self._stage_text()
        self._stage_parquet()
        self._tally()
        # A few rows with their text: each day would else pass over the accepted ones once more.
        self.con.execute(
            "create or replace table refused as "
            "select f, line_number, problems, text from staged where problems is not null"
        )
        # Days are written side by side, each by one thread: a day is too small to share out.
        self.con.execute("set threads = 1")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            readings = list(
                pool.map(lambda day: self._write(day, self._judge(day), work), self.days)
            )
        self.con.execute("reset threads")
        return readings

    def _readable(self, *kinds: landed.Kind) -> list[_File]:
        return [file for file in self.files if file.kind in kinds and not file.problem]

    # text: physical lines, then records

    def _stage_text(self) -> None:
        texts = self._readable("csv", "jsonl")
        if not texts:
            return
        unreadable = landed.read_lines(
            self.con, [self._as_text(file) for file in texts], self.scratch
        )
        for file in texts:
            if file.number in unreadable:
                _damaged(file)
        numbers = [file.number for file in self._readable("csv")]
        if numbers and self.feed.csv.quote:
            landed.join_quoted_lines(
                self.con, numbers, self.feed.csv.delimiter, self.feed.csv.quote
            )
        self._find_csv_headers()
        self._find_json_keys()
        texts = self._readable("csv", "jsonl")
        self.con.execute(
            """insert into staged by name
            select f, line_number, [reason] as problems, text from rejected
            where f in (select unnest(?::bigint[]))""",
            [[file.number for file in texts]],
        )
        for group in landed.grouped(texts, lambda file: (file.kind, file.layout)):
            layout = group[0].layout
            is_csv = group[0].kind == "csv"
            cells = _csv_cells(self.feed.csv, layout) if is_csv else _json_cells(layout)
            records = """records as (
                select f, line_number, text from lines
                join (select unnest(?::bigint[]) as f, unnest(?::bigint[]) as header_line) using (f)
                where line_number > header_line and trim(text) <> ''
            )"""
            self.con.execute(
                self._typing(f"with {records} {cells}"),
                [[file.number for file in group], [file.header_line for file in group]],
            )

    def _as_text(self, file: _File) -> landed.TextFile:
        encoding = self.feed.csv.encoding if file.kind == "csv" else "utf-8"
        return landed.TextFile(file.number, file.source.path, file.compression, encoding)

    def _find_csv_headers(self) -> None:
        """The first line that is not blank names the columns."""
        files = self._readable("csv")
        rows = self.con.execute(
            """with heads as (
                select f, min(line_number) as line_number, arg_min(text, line_number) as text
                from lines where f in (select unnest(?::bigint[])) and trim(text) <> '' group by f
            ),
            lost as (select f, min(line_number) as lost_line from rejected group by f)
            select f, line_number, text
            from heads left join lost using (f)
            where lost_line is null or lost_line > line_number""",
            [[file.number for file in files]],
        ).fetchall()
        heads = {row[0]: row[1:] for row in rows}
        for file in files:
            file.header_line, text = heads.get(file.number, (0, ""))
            names = _split_header(text, self.feed.csv)
            places = self._places(file, names) if names else {}
            if not names:
                file.problem = (f"{file.name} has no readable header line", "deliver it with one")
            file.layout = (
                len(names),
                tuple(places[n] + 1 if n in places else None for n in self.feed.column_names),
            )

    def _find_json_keys(self) -> None:
        """A column is missing when no line of the file has its key."""
        files = self._readable("jsonl")
        rows = self.con.execute(
            f"""select f, list_sort(list(distinct key)) from (
                select f, unnest(json_keys(case when {_IS_OBJECT} then text end)) as key
                from lines where f in (select unnest(?::bigint[]))
            ) group by f""",
            [[file.number for file in files]],
        ).fetchall()
        keys = dict(rows)
        for file in files:
            names = keys.get(file.number, [])
            # Without a single object there is nothing to compare; every line is refused by itself.
            places = self._places(file, names) if names else {}
            file.layout = (
                None,
                tuple(names[places[n]] if n in places else n for n in self.feed.column_names),
            )

    # parquet

    def _stage_parquet(self) -> None:
        for file in self._readable("parquet"):
            try:
                described = self.con.execute(
                    "describe select * from read_parquet(?, hive_partitioning = false)",
                    [[landed.literal_path(file.source.path)]],
                ).fetchall()
            except duckdb.Error:
                _damaged(file)
                continue
            names = [row[0] for row in described]
            places = self._places(file, names)
            taken = [name for name in names if name.lower() in ("file_index", "file_row_number")]
            if taken:  # DuckDB's own names for what it says about a row
                file.problem = (f"{file.name} has a column {_listed(taken)}", "rename it")
            found = [described[places[n]] if n in places else None for n in self.feed.column_names]
            file.layout = (
                tuple(row[1] if row else None for row in found),
                tuple(row[0] if row else None for row in found),
            )

        def stage(files: Sequence[_File]) -> None:
            paths = [landed.literal_path(file.source.path) for file in files]
            cells = _parquet_cells(files[0].layout)
            self.con.execute(self._typing(cells), [[file.number for file in files], paths])

        for group in landed.grouped(self._readable("parquet"), lambda file: file.layout):
            landed.by_halves(group, stage, _damaged)

    # every format: columns by name, types, problems

    def _places(self, file: _File, names: Sequence[str]) -> dict[str, int]:
        """Find the contract's columns among a file's names, and say what is not as agreed."""
        places: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(names):
            places[name.strip().lower()].append(place)
        columns = self.feed.columns
        twice = [c.name for c in columns if len(places.get(c.name, ())) > 1]
        missing = [c for c in columns if c.name not in places]
        required = [c.name for c in missing if c.is_required]
        if twice:
            what = f"{file.name} names column {_listed(twice)} twice"
            file.problem = (what, "rename one of the two")
        elif required:
            hint = "" if len(missing) < len(columns) else " (is its header line missing?)"
            file.problem = (
                f"missing column {_listed(required)} in {file.name}{hint}",
                f"deliver the file with it or make it optional in {self.feed.path.name}",
            )
        extra = [
            place for name in places if name not in self.feed.column_names for place in places[name]
        ]
        if extra:
            shown = _listed(sorted(_showable(names[place], place) for place in extra))
            file.notes.append(f"{file.name}: extra column {shown} was kept out.")
        file.missing = {column.name for column in missing}
        return {name: found[0] for name, found in places.items()}

    def _typing(self, cells: str) -> str:
        """The insert into `staged` of a relation (f, line_number, text, flaw, x0, x1, ..).

        Where there is no text of a row, a refused one is shown as JSON of the contract's columns.
        """
        columns = self.feed.columns
        n = range(len(columns))
        trimmed = "case when is_ragged then trim(x{0}, '{1}') else trim(x{0}) end"
        texts = ", ".join(f"nullif({trimmed.format(i, _BLANKS)}, '') as t{i}" for i in n)
        typed = ", ".join(f"{_cast(c.data_type, f't{i}')} as c{i}" for i, c in enumerate(columns))
        checks = [check for i in n for check in _checks(self.feed, i)]
        is_bad = " or ".join(f"({condition})" for _, condition in checks) or "false"
        named = ", ".join(f"case when {condition} then '{name}' end" for name, condition in checks)
        shown = ", ".join(f"{_quoted(name)}: t{i}" for i, name in enumerate(self.feed.column_names))
        return f"""insert into staged
            with cells as ({cells}),
            watched as (select *, {_IS_RAGGED} as is_ragged from cells),
            texts as (select f, line_number, text, flaw, {texts} from watched),
            typed as (select *, {typed} from texts),
            judged as (
                select *, case when flaw is not null then [flaw]
                    when {is_bad} then list_filter([{named or "null"}], lambda p: p is not null)
                    end as problems
                from typed
            )
            select f, line_number, {", ".join(f"c{i}" for i in n)}, problems,
                case when problems is not null
                    then coalesce(text, to_json({{{shown}}})::varchar) end
            from judged"""

    # per day: count, judge, write

    def _tally(self) -> None:
        """Count each file's rows by first problem, and the values of columns whose type failed."""
        for f, problem, count in self.con.execute(
            "select f, problems[1], count(*) from staged group by all"
        ).fetchall():
            self.files[f].rows[problem] = count
        found = {
            row[0]
            for row in self.con.execute("select distinct unnest(problems) from staged").fetchall()
        }
        for i, column in enumerate(self.feed.columns):
            problem = f"type:{column.name}"
            if problem in found:
                for f, bad, good in self.con.execute(
                    f"""select f, count(*) filter (list_contains(problems, ?)), count(c{i})
                    from staged group by f""",
                    [problem],
                ).fetchall():
                    self.files[f].values[column.name] = (bad, bad + good)

    def _judge(self, day: _Day) -> DayReading:
        """What is known of a day once its files are staged, before anything is written."""
        feed = self.feed
        problems = day.problems + [file.problem for file in day.files if file.problem]
        if problems:
            why = _unusable(feed, day.day, problems)
            return DayReading(day.day, 0, 0, {}, why, tuple(day.notes), (), None, None, day.version)
        rows = sum((file.rows for file in day.files), Counter[str | None]())
        accepted = rows.pop(None, 0)
        by_reason = {str(reason): rows[reason] for reason in sorted(rows, key=str)}
        refused = sum(by_reason.values())
        changed = _changed_types(feed, day.files)
        notes = [*day.notes, *(note for file in day.files for note in file.notes), *changed]
        notes += [f"{file.name} holds no rows." for file in day.files if not file.rows]
        absent = set().union(*(file.missing for file in day.files))
        missing = tuple(name for name in feed.column_names if name in absent)
        error = None
        if refused > feed.max_reject_share * (accepted + refused):
            error = _too_many_refused(feed, day.day, accepted, by_reason, changed)
        return DayReading(
            day.day,
            accepted,
            refused,
            by_reason,
            error,
            tuple(notes),
            missing,
            None,
            None,
            day.version,
        )

    def _write(self, day: _Day, reading: DayReading, work: Path) -> DayReading:
        """Write a day's refused rows and, unless it is refused whole, its accepted ones."""
        if reading.error and not reading.refused_count:
            return reading
        footer = {
            "version": reading.version,
            "columns": column_types(self.feed),
            "files": day.provenance,
            "accepted_count": reading.accepted_count,
            "refused_by_reason": reading.refused_by_reason,
            "notes": reading.notes,
            "missing_columns": reading.missing_columns,
            "error": reading.error,
        }

        def copy(station: str, sql: str) -> Path:
            path = _folder(work, station, self.feed) / f"{day.day}.parquet"
            with closing(self.con.cursor()) as cursor:
                cursor.execute(
                    f"copy ({sql}) to {_quoted(str(path))} (format parquet, compression zstd, "
                    f"kv_metadata {{{FOOTER_KEY}: {_quoted(json.dumps(footer))}}})"
                )
            return path

        numbers = [file.number for file in day.files]
        # A day's files are numbered in a row, so most row groups are passed over.
        is_of_day = f"f between {min(numbers)} and {max(numbers)}"
        names = [f"when {file.number} then {_quoted(file.source.path.name)}" for file in day.files]
        name = f"case f {' '.join(names)} end"
        columns = ", ".join(
            f"c{i} as {_identifier(name)}" for i, name in enumerate(self.feed.column_names)
        )
        parquet = quarantine = None
        if reading.error is None:
            parquet = copy(
                "raw",
                f"""select {columns}, date '{day.day}' as _load_date, {name} as _source_file,
                    line_number as _line_number, '{day.version}' as _raw_version
                from staged where {is_of_day} and problems is null order by f, line_number""",
            )
        if reading.refused_count:
            quarantine = copy(
                "quarantine",
                f"""select {name} as file, line_number, problem as reason,
                    nullif(split_part(problem, ':', 2), '') as "column", text
                from (
                    select *, unnest(problems) as problem,
                        generate_subscripts(problems, 1) as place
                    from refused where {is_of_day}
                )
                order by f, line_number, place""",
            )
        return replace(reading, parquet=parquet, quarantine=quarantine)


# cells: one relation (f, line_number, text, flaw, x0, x1, ..) per format

_IS_RAGGED = r"coalesce(regexp_matches(text, '[\t\r\n\\]'), true)"
_IS_OBJECT = f"(starts_with(ltrim(text, '{_BLANKS}'), '{{') and json_valid(text))"


def _csv_cells(dialect: CsvDialect, layout: _Layout) -> str:
    """Fields by splitting at the delimiter. Lines with quotes pay for a closer look, others not."""
    width, places = layout
    delimiter, quote, mark = (_quoted(t) for t in (dialect.delimiter, dialect.quote, _FIELD_END))
    fields, flaw = f"string_split(text, {delimiter})", "null"
    if dialect.quote:
        has_quote = f"contains(text, {quote})"
        pattern = _quoted(landed.record_pattern(dialect.delimiter, dialect.quote))
        flaw = f"case when {has_quote} and not regexp_full_match(text, {pattern}) then 'quote' end"
        # Between quotes, every second piece stands outside: only there a delimiter ends a field.
        pieces = f"""list_transform(string_split(text, {quote}), lambda piece, i:
            case when i % 2 = 1 then replace(piece, {delimiter}, {mark}) else piece end)"""
        fields = f"""case when {has_quote} then list_transform(
                string_split(array_to_string({pieces}, {quote}), {mark}),
                lambda field: case when starts_with(field, {quote})
                    then replace(field[2:-2], {_quoted(dialect.quote * 2)}, {quote})
                    else field end)
            else {fields} end"""
    cells = _cells(f"fields[{place}]" if place else "null" for place in places)
    return f"""select f, line_number, text, flaw, {cells}
        from (
            select f, line_number, text,
                case when flaw is not null then flaw
                    when len(fields) <> {width} then 'columns' end as flaw,
                case when flaw is null and len(fields) = {width} then fields end as fields
            from (select *, {flaw} as flaw, {fields} as fields from records)
        )"""


def _json_cells(layout: _Layout) -> str:
    """Values by key, as JSON writes them; a null and an absent key are the same."""
    paths = ", ".join(_quoted(f'$."{key}"') for key in layout[1])
    cells = _cells(f"fields[{i + 1}]" for i in range(len(layout[1])))
    return f"""select f, line_number, text, flaw, {cells}
        from (
            select *, case when flaw is null then json_extract_string(text, [{paths}]) end as fields
            from (select *, case when not {_IS_OBJECT} then 'not_json' end as flaw from records)
        )"""


def _parquet_cells(layout: _Layout) -> str:
    """Values by column name, as text."""
    cells = _cells(_identifier(name) if name else "null" for name in layout[1])
    return f"""select (?::bigint[])[file_index::bigint + 1] as f,
            file_row_number + 1 as line_number,
            null::varchar as text, null::varchar as flaw, {cells}
        from read_parquet(?, hive_partitioning = false)"""


def _cells(values: Iterable[str]) -> str:
    return ", ".join(f"cast({value} as varchar) as x{i}" for i, value in enumerate(values))


def _cast(data_type: str, text: str) -> str:
    """The typed value of trimmed text, null when it is not of the type.

    The pattern comes first, because DuckDB's own cast is generous: it rounds `1.5` to an integer,
    knows hexadecimal, `infinity`, `epoch` and named zones, and drops an offset or a time of day.
    """
    if data_type == "varchar":
        return text
    if data_type == "boolean":
        return f"""case when lower({text}) in ('true', 't', 'yes', '1') then true
            when lower({text}) in ('false', 'f', 'no', '0') then false end"""
    if data_type in ("integer", "bigint"):
        return _if_matches(text, _WHOLE_NUMBER, f"try_cast({text} as {data_type})")
    if data_type == "date":
        return _if_matches(text, _MIDNIGHT, f"try_cast(left({text}, 10) as date)")
    if data_type == "timestamp":
        return _if_matches(text, _MOMENT, f"try_cast({text} as timestamptz) at time zone 'UTC'")
    number = f"try_cast({text} as {data_type})"
    is_number = f"not contains({text}, '_')" + f" and isfinite({number})" * (data_type == "double")
    return f"case when {is_number} then {number} end"


def _if_matches(text: str, pattern: str, value: str) -> str:
    return f"case when regexp_full_match({text}, '{pattern}') then {value} end"


def _checks(feed: Feed, i: int) -> Iterator[tuple[str, str]]:
    """What can be wrong with one column: the reason's name and the condition."""
    column = feed.columns[i]
    if column.is_required:
        yield f"missing:{column.name}", f"t{i} is null"
    if column.data_type != "varchar":
        yield f"type:{column.name}", f"t{i} is not null and c{i} is null"
    if column.allowed:
        allowed = ", ".join(_quoted(value) for value in column.allowed)
        yield f"allowed:{column.name}", f"c{i} is not null and c{i}::varchar not in ({allowed})"
    if column.range:
        outside = [
            f"c{i} {side} {_bound(feed, bound)}"
            for side, bound in zip("<>", column.range, strict=True)
            if bound is not None
        ]
        # with a null on either side nothing is compared, and nothing is wrong
        yield f"range:{column.name}", f"coalesce({' or '.join(outside)}, false)"


def _bound(feed: Feed, bound: float | str) -> str:
    """A range's end as SQL: a number, or the typed value of another column."""
    return f"c{feed.column_names.index(bound)}" if isinstance(bound, str) else repr(bound)


def _split_header(text: str, dialect: CsvDialect) -> list[str]:
    """The names in a header line; none when it cannot be taken apart."""
    reader = csv.reader(
        io.StringIO(text.removeprefix("\ufeff"), newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        strict=True,
    )
    try:
        return next(reader)
    except (csv.Error, StopIteration):
        return []


# sentences: names, counts and places, never a value


def _unusable(feed: Feed, day: date, problems: Sequence[_Problem]) -> str:
    what, remedy = problems[0]
    more = (
        f" (and {len(problems) - 1} more of this day's files are unusable)" if problems[1:] else ""
    )
    return f"{feed.name} {day}: {what}{more}. Nothing was loaded for this day; {remedy}."


def _too_many_refused(
    feed: Feed, day: date, accepted: int, by_reason: Mapping[str, int], changed: Sequence[str]
) -> str:
    refused = sum(by_reason.values())
    seen = accepted + refused
    reasons = ", ".join(sorted(by_reason, key=lambda reason: (-by_reason[reason], reason)))
    quarantine = f"quarantine/{feed.source}/{feed.table}/{day}.parquet"
    sentences = [
        f"{feed.name} {day}: {refused:,} of {seen:,} rows refused ({_percent(refused / seen)}, "
        f"limit {_percent(feed.max_reject_share)}): {reasons}.",
        *changed,
        f"Nothing was loaded for this day. See {quarantine}; "
        f"fix the file or raise max_reject_share in {feed.path.name}.",
    ]
    return " ".join(sentences)


def _changed_types(feed: Feed, files: Sequence[_File]) -> list[str]:
    """Columns of which more than half the values, of ten or more, are no longer of their type."""
    sentences = []
    for column in feed.columns:
        counts = [file.values.get(column.name, (0, 0)) for file in files]
        bad, seen = sum(count[0] for count in counts), sum(count[1] for count in counts)
        if seen >= 10 and 2 * bad > seen:
            sentences.append(
                f"Column {column.name} no longer reads as {column.data_type} "
                f"({bad:,} of {seen:,} values)."
            )
    return sentences


def _damaged(file: _File) -> None:
    what = f"{file.name} cannot be read: it is damaged or not what its ending says"
    is_packed = file.compression == "zstd"  # the one form of text that is never rewritten
    remedy = "deliver it again with one kind of line break" if is_packed else "deliver it again"
    file.problem = (what, remedy)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown


def _showable(name: str, place: int) -> str:
    clean = name.strip()
    return clean if _SHOWABLE_NAME.fullmatch(clean) else f"number {place + 1}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


# text for DuckDB


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _folder(work: Path, station: str, feed: Feed) -> Path:
    return work / station / feed.source / feed.table
