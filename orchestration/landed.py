"""What landed: whether a file is whole, and the lines and records that stand in it.

Everything here is known without a contract: the ending of a name, a fingerprint, physical lines,
and which of them a quoted field ties into one record. What the records mean is for `reading`.

DuckDB reads a gzip or zstd file that was cut off half-way without complaint and never looks at a
gzip checksum, so wholeness is established here, before any row is read. Text is read as physical
lines, not as CSV: then a line number is counted and never guessed, one line that cannot be decoded
costs that line, and one quote that is never closed does not swallow the rest of the file.
"""

from __future__ import annotations

import glob
import gzip
import hashlib
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar, get_args

import duckdb

Kind = Literal["csv", "jsonl", "parquet"]
Compression = Literal["none", "gzip", "zstd"]
Encoding = Literal["utf-8", "latin-1"]

T = TypeVar("T")

_NO_DELIMITER = "\x01\x02\x03\x04"
"""A delimiter no text holds. DuckDB takes an empty one for the NUL character."""

_OURS = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.ParserException,
)
"""Errors that no file can be blamed for."""

_COMPRESSIONS: dict[str, Compression] = {"gz": "gzip", "zst": "zstd"}
_ZSTD_FRAME = 0xFD2FB528
_ZSTD_SKIPPABLE = 0x184D2A50
_ZSTD_RESERVED_BLOCK = 3
_ZSTD_RUN_BLOCK = 1


@dataclass(frozen=True)
class LandedFile:
    """A file in the landing folder and its state when it was listed."""

    path: Path
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> LandedFile:
        """The file at `path` as it is now. Raises OSError when there is none."""
        stat = path.stat()
        return cls(path, stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True)
class TextFile:
    """A file to be read as lines. `number` is its `f` in the tables."""

    number: int
    path: Path
    compression: Compression
    encoding: Encoding


@dataclass(frozen=True)
class Fingerprint:
    """What a file's bytes say, without looking at a single row.

    `flaw` ends the sentence "the file ..." and is None when the file arrived whole.
    """

    sha256: str
    flaw: str | None


def form(name: str) -> tuple[Kind, Compression] | None:
    """What the ending of a file's name promises, or None when it is no ending we read."""
    stem, _, last = name.lower().rpartition(".")
    compression = _COMPRESSIONS.get(last, "none")
    if compression != "none":
        last = stem.rpartition(".")[2]
    for kind in get_args(Kind):
        if last == kind and (kind != "parquet" or compression == "none"):
            return kind, compression
    return None


def fingerprint(path: Path, compression: Compression) -> Fingerprint:
    """Hash a file and make sure that it arrived whole."""
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
        if size == 0:
            return Fingerprint(digest, "is empty (0 bytes)")
        if compression == "gzip" and not _gzip_is_whole(path):
            return Fingerprint(digest, "is damaged or cut off: it is not a whole gzip file")
        if compression == "zstd" and not _zstd_is_whole(path):
            return Fingerprint(digest, "is damaged or cut off: it is not a whole zstd file")
    except OSError:
        return Fingerprint("", "cannot be opened")
    return Fingerprint(digest, None)


def _gzip_is_whole(path: Path) -> bool:
    try:
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False
    return True


def _zstd_is_whole(path: Path) -> bool:
    """Walk the frames and blocks of RFC 8878 by their lengths, without decompressing anything.

    That finds a cut-off file; a flipped bit is found by DuckDB where the writer put a checksum.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        while stream.tell() < size:
            if not _skip_zstd_frame(stream):
                return False
        return stream.tell() == size


def _skip_zstd_frame(stream: BinaryIO) -> bool:
    magic = int.from_bytes(stream.read(4), "little")
    if magic & ~0xF == _ZSTD_SKIPPABLE:
        stream.seek(int.from_bytes(stream.read(4), "little"), 1)
        return True
    descriptor = stream.read(1)
    if magic != _ZSTD_FRAME or not descriptor:
        return False
    flags = descriptor[0]
    single_segment, has_checksum = flags >> 5 & 1, flags >> 2 & 1
    dictionary_bytes = (0, 1, 2, 4)[flags & 3]
    content_size_bytes = (single_segment, 2, 4, 8)[flags >> 6]
    stream.seek(1 - single_segment + dictionary_bytes + content_size_bytes, 1)
    is_last = False
    while not is_last:
        header = stream.read(3)
        if len(header) < 3:
            return False
        value = int.from_bytes(header, "little")
        is_last, kind, length = bool(value & 1), value >> 1 & 3, value >> 3
        if kind == _ZSTD_RESERVED_BLOCK:
            return False
        stream.seek(1 if kind == _ZSTD_RUN_BLOCK else length, 1)
    stream.seek(4 * has_checksum, 1)
    return True


def read_lines(
    con: duckdb.DuckDBPyConnection, files: Sequence[TextFile], scratch: Path
) -> set[int]:
    """Read text files into `lines` (f, line_number, text), one row per physical line.

    Lines that cannot be read are in `rejected` (f, line_number, reason, text) instead: `encoding`,
    `too_long` (2 MB) or `columns` (they hold what no text holds). Returns the numbers of the files
    that cannot be read at all.
    """
    con.execute(
        """drop table if exists reject_errors; drop table if exists reject_scans;
        create or replace table read (f bigint, text varchar);
        create or replace table rejected (
            f bigint, line_number bigint, reason varchar, text varchar)"""
    )
    read_as: dict[str, int] = {}
    unreadable: set[int] = set()

    def read(part: Sequence[TextFile]) -> None:
        con.execute(
            f"""insert into read
            select (?::bigint[])[file_index::bigint + 1] as f, line as text
            from read_csv(?, columns = {{'line': 'varchar'}}, auto_detect = false, header = false,
                delim = '{_NO_DELIMITER}', quote = '', escape = '', store_rejects = true,
                encoding = '{part[0].encoding}', compression = '{part[0].compression}',
                hive_partitioning = false)""",
            [[file.number for file in part], [literal_path(file.path) for file in part]],
        )
        read_as.update((str(file.path), file.number) for file in part)

    def read_rewritten(file: TextFile) -> None:
        # Python cannot unpack zstd, and nobody can read a file that has gone.
        if file.compression == "zstd" or not file.path.is_file():
            unreadable.add(file.number)
        else:
            copy = _rewritten(file, scratch)
            by_halves([copy], read, lambda copy: unreadable.add(copy.number))

    for group in grouped(files, lambda file: (file.compression, file.encoding)):
        by_halves(group, read, read_rewritten)
    if read_as:
        _keep_rejected(con, read_as)
    _number_lines(con)
    return unreadable


def _keep_rejected(con: duckdb.DuckDBPyConnection, read_as: dict[str, int]) -> None:
    con.execute(
        """insert into rejected
        select f, line, max(case error_type
                when 'INVALID ENCODING' then 'encoding'
                when 'LINE SIZE OVER MAXIMUM' then 'too_long' else 'columns' end),
            max(left(trim(csv_line, chr(13) || chr(10)), 10000))
        from reject_errors
        join reject_scans using (scan_id, file_id)
        join (select unnest(?) as file_path, unnest(?::bigint[]) as f) using (file_path)
        group by f, line""",
        [list(read_as), list(read_as.values())],
    )


def _number_lines(con: duckdb.DuckDBPyConnection) -> None:
    """Rows come in the order of the file, so counting them gives the line, save for the rejected.

    The k-th line that was read stands behind `shift` lines that were not.
    """
    has_rejected = con.execute("select count(*) > 0 from rejected").fetchall()[0][0]
    con.execute(
        f"""create or replace table lines as
        with counted as (
            select read.f, read.rowid - first_row + 1 as k, text
            from read join (select f, min(rowid) as first_row from read group by f) using (f)
        ),
        ranked as (
            select f, line_number,
                row_number() over (partition by f order by line_number) as shift
            from rejected
        ),
        shifts as (
            select f, line_number - shift + 1 as k, max(shift) as shift from ranked group by all
        )
        select f, counted.k + {"coalesce(shift, 0)" if has_rejected else "0"} as line_number, text
        from counted {"asof left join shifts using (f, k)" if has_rejected else ""}"""
    )
    con.execute("drop table read")


def _rewritten(file: TextFile, scratch: Path) -> TextFile:
    """A copy with one kind of line break, in UTF-8, of a file DuckDB will not read as it is.

    DuckDB refuses a file with several kinds of line break, and latin-1 with the characters of
    Windows-1252. A carriage return inside a line becomes a space.
    """
    opener: Callable[..., Any] = gzip.open if file.compression == "gzip" else open
    path = scratch / str(file.number)
    with opener(file.path, "rb") as source, path.open("wb") as copy:
        for line in source:
            text = line.rstrip(b"\r\n").replace(b"\r", b" ")
            copy.write(text if file.encoding == "utf-8" else _from_windows(text))
            copy.write(b"\n")
    return TextFile(file.number, path, "none", "utf-8")


def _from_windows(line: bytes) -> bytes:
    """Latin-1 as it is met: the bytes latin-1 has no letters for are those of Windows-1252."""
    try:
        return line.decode("cp1252").encode()
    except UnicodeDecodeError:
        return line.decode("latin-1").encode()


def join_quoted_lines(
    con: duckdb.DuckDBPyConnection, numbers: Sequence[int], delimiter: str, quote: str
) -> None:
    """Make one record of the lines that a quoted field runs over, in `lines`."""
    cursor = con.execute(
        """with quoted as (
            select f, line_number, text from lines
            where f in (select unnest(?::bigint[])) and contains(text, ?)
        ),
        uneven as (
            select distinct f from quoted where (len(text) - len(replace(text, ?, ''))) % 2 = 1
        )
        select * from quoted semi join uneven using (f) order by f, line_number""",
        [numbers, quote, quote],
    )
    spans = [
        (number, *span)
        for number, rows in groupby(_rows(cursor), key=lambda row: int(row[0]))
        for span in quoted_spans([(row[1], row[2]) for row in rows], delimiter, quote)
    ]
    if not spans:
        return
    con.execute(
        """create or replace table members as
        select f, first, unnest(range(first, last + 1)) as line_number
        from (
            select unnest(?::bigint[]) as f, unnest(?::bigint[]) as first,
                unnest(?::bigint[]) as last
        )""",
        [list(column) for column in zip(*spans, strict=True)],
    )
    # A record that lost a line to `rejected` stays in pieces, and each piece is refused.
    con.execute(
        """delete from members where (f, first) in (
            select f, first from members join rejected using (f, line_number))"""
    )
    con.execute(
        """create or replace table joined as
        select f, first as line_number,
            string_agg(coalesce(text, ''), chr(10) order by line_number) as text
        from members join lines using (f, line_number)
        group by f, first"""
    )
    con.execute("delete from lines where (f, line_number) in (select f, line_number from members)")
    con.execute("insert into lines select f, line_number, text from joined")


def record_pattern(delimiter: str, quote: str, *, is_open: bool = False) -> str:
    """RFC 4180 as a regular expression that Python and RE2 both understand.

    It matches a whole record or, with `is_open`, one whose last field is quoted and not closed.
    """
    d, q = (f"\\x{ord(c):02x}" if ord(c) < 256 else c for c in (delimiter, quote))
    inside = f"{q}[^{q}]*(?:{q}{q}[^{q}]*)*"
    whole = f"(?:{inside}{q}|[^{q}{d}]*)"
    return f"(?:{whole}{d})*{inside if is_open else whole}"


def quoted_spans(
    lines: Sequence[tuple[int, str]], delimiter: str, quote: str
) -> Iterator[tuple[int, int]]:
    """First and last line of each record that runs over several, from one file's quoted lines.

    A line in the middle of a quoted field is read as if the quote had opened just before it. When
    that makes no sense, or the file ends, the quote was never closed: its line is left alone, to
    be refused, and reading starts again behind it. One stray quote costs one row, not the rest.
    """
    is_whole = re.compile(record_pattern(delimiter, quote)).fullmatch
    is_open = re.compile(record_pattern(delimiter, quote, is_open=True)).fullmatch
    opened: int | None = None
    i = 0
    while i < len(lines) or opened is not None:
        number, text = lines[i] if i < len(lines) else (0, None)
        if text is not None and opened is not None:
            text = quote + text
        if text is not None and is_whole(text):
            if opened is not None:
                yield lines[opened][0], number
            opened = None
        elif text is not None and is_open(text):
            opened = i if opened is None else opened
        elif opened is not None:
            i, opened = opened, None
        i += 1


def literal_path(path: Path) -> str:
    """A path that DuckDB will not take for a pattern: `x[1].csv` would read `x1.csv`."""
    return glob.escape(str(path))


def grouped(items: Iterable[T], key: Callable[[T], Any]) -> list[list[T]]:
    """Items with the same key together, in the order they come."""
    groups: dict[Any, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return list(groups.values())


def by_halves(
    items: Sequence[T], read: Callable[[Sequence[T]], None], fail: Callable[[T], object]
) -> None:
    """Read all at once; where that fails, each half by itself, down to the one to blame."""
    if not items:
        return
    try:
        read(items)
    except duckdb.Error as error:
        if isinstance(error, _OURS):
            raise
        if len(items) > 1:
            middle = len(items) // 2
            by_halves(items[:middle], read, fail)
            by_halves(items[middle:], read, fail)
        elif isinstance(error, duckdb.OutOfMemoryException):
            raise
        else:
            fail(items[0])


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(10_000):
        yield from rows
