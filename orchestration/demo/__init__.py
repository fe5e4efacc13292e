"""The demo retailer, and the one safe way to put its landing folder in place.

`real` lands the Complete Journey purchases. What is shared by every part of the demo stands here:
its error and the switch of the folder. Nothing of the pipeline depends on the demo.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
            f"The demo landing folder {landing} could not be written: {error.strerror or error}. "
            "What it held is unchanged; free the place or point INSIGHTS_LANDING elsewhere."
        ) from error


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
