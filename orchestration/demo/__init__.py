"""The demo retailer, and the one safe way to put its folders in place.

`real` lands the Complete Journey purchases, `invented` everything else, `truth` what a pipeline
should find in it. What they share stands here: where the retailer is, the form of its files, the
error, and the switch of a folder. Nothing of the pipeline depends on the demo.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import duckdb

FIRST_DAY = date(2017, 1, 1)
"""The first day of every demo: the real purchases begin here."""

TIMEZONE, CURRENCY, COUNTRY = "America/New_York", "USD", "US"

_COPY_OPTIONS = {
    ".csv": "format csv, header",
    ".csv.gz": "format csv, header, compression gzip",
    ".csv.zst": "format csv, header, compression zstd",
    ".jsonl": "format json",
    ".jsonl.gz": "format json, compression gzip",
    ".parquet": "format parquet, compression zstd",
}
"""DuckDB's options to write a file, by the ending of its name."""

Progress = Callable[[int, int, str], None]
"""Called with files written, files in all, and the feed just written."""

MARKER = ".demo"
"""The hidden file that lists what the demo wrote into a landing folder."""

_NOTICE = "# Written by `insights demo`, which replaces this folder as long as it holds only:"
_NOT_CONTENT = frozenset({MARKER, ".DS_Store"})


class DemoError(Exception):
    """The demo landing folder cannot be written. The message says why and what to do."""


@contextmanager
def replacing(landing: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `landing` when the block ends well.

    The new folder is filled beside the old one and renamed into place, so a failure at any point
    leaves the old one as it was. The old one must be absent, empty or written by the demo.

    Raises DemoError, changing nothing, when `landing` holds a file that the demo did not write,
    or when it cannot be replaced.
    """
    landing = landing.expanduser().resolve()
    _refuse_foreign(landing)
    new, old = (landing.parent / f".{landing.name}.demo-{age}" for age in ("new", "old"))
    try:
        # Left behind by a demo that was killed: rewritten in full below, so nothing is lost.
        for folder in (new, old):
            if folder.exists():
                shutil.rmtree(folder)
        new.mkdir(parents=True)
        try:
            yield new
            _mark(new)
            if landing.exists():
                landing.rename(old)
            try:
                new.rename(landing)
            except OSError:
                if old.exists():
                    old.rename(landing)
                raise
        finally:
            shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise DemoError(
            f"The demo folder {landing} could not be written: {error.strerror or error}. "
            "What it held is unchanged; free the place or point INSIGHTS_LANDING elsewhere."
        ) from error


def copy_rows(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Write the rows of a query to a file, in the format its ending names; returns how many."""
    name = str(path).replace("'", "''")
    options = _COPY_OPTIONS["".join(path.suffixes)]
    # the line break ends a comment in the query's last line
    written = connection.execute(f"copy (\n{query}\n) to '{name}' ({options})").fetchone()
    return int(written[0]) if written else 0


def write_tenant(folder: Path) -> Path:
    """Write `tenant.env`: what is particular to this retailer."""
    path = folder / "tenant.env"
    path.write_text(
        "# What is particular to the demo retailer.\n"
        f"INSIGHTS_TIMEZONE={TIMEZONE}\n"
        f"INSIGHTS_CURRENCY={CURRENCY}\n"
        f"INSIGHTS_COUNTRY={COUNTRY}\n",
        encoding="utf-8",
        newline="\n",
    )
    set_time(path, FIRST_DAY)
    return path


def set_time(path: Path, day: date) -> None:
    """Date a file or folder at noon of its day: a day written again must not look new."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(TIMEZONE)).astimezone(UTC)
    os.utime(path, (noon.timestamp(), noon.timestamp()))


def _refuse_foreign(landing: Path) -> None:
    if not landing.exists():
        return
    if not landing.is_dir():
        raise DemoError(
            f"{landing} is a file, not a folder; point INSIGHTS_LANDING elsewhere. "
            "Nothing was changed."
        )
    marker = landing / MARKER
    ours = set(marker.read_text(encoding="utf-8").splitlines()) if marker.is_file() else set()
    foreign = sorted(set(_contents(landing)) - ours)
    if foreign:
        others = f" and {len(foreign) - 1:,} more" if len(foreign) > 1 else ""
        raise DemoError(
            f"{landing} holds {foreign[0]}{others}, which the demo did not write; move that away "
            "or point INSIGHTS_LANDING elsewhere. Nothing was changed."
        )


def _mark(folder: Path) -> None:
    text = "\n".join([_NOTICE, *sorted(_contents(folder))]) + "\n"
    (folder / MARKER).write_text(text, encoding="utf-8", newline="\n")


def _contents(folder: Path) -> Iterator[str]:
    """Every file below `folder`, as a path relative to it with forward slashes."""
    for path in folder.rglob("*"):
        if path.name not in _NOT_CONTENT and (path.is_symlink() or not path.is_dir()):
            yield path.relative_to(folder).as_posix()
