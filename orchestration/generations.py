"""The generations of a publication and the switch between them. Knows nothing of marts.

A generation is a folder that never changes once it has its name; `current` is a link to one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class PublishError(Exception):
    """Nothing was switched: `current` still answers with the last good generation."""


@dataclass(frozen=True)
class Generation:
    """What `generation.json` says of a publication."""

    name: str
    run_id: str
    as_of: str
    published_at: str
    row_counts: Mapping[str, int]


def make_current(published: Path, name: str) -> None:
    """Point `current` at a generation in one step that readers cannot see halfway."""
    fresh = published / ".current"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(Path("generations") / name)
    fresh.replace(published / "current")
    _sync_folder(published)


def finish(work: Path, published: Path, name: str, keep: int) -> Path:
    """Flush a finished folder, give it its name, switch to it and let the oldest go."""
    _flush(work)
    target = published / "generations" / name
    work.rename(target)
    _sync_folder(target.parent)
    make_current(published, name)
    _prune(published, keep)
    return target


def roll_back(published: Path, name: str | None = None) -> Generation:
    """Make an older generation current: the named one or the one before the current.

    Raises PublishError when there is none to go back to.
    """
    kept = generations(published)
    now = current(published)
    names = [generation.name for generation in kept]
    if name is None:
        older = [other for other in names if now is not None and other < now.name]
        if not older:
            raise PublishError(
                "There is no older generation to go back to; nothing was changed. "
                f"Kept: {', '.join(names) or 'none'}."
            )
        name = older[-1]
    if name not in names:
        raise PublishError(
            f"There is no generation '{name}'; nothing was changed. "
            f"Kept: {', '.join(names) or 'none'}."
        )
    make_current(published, name)
    return kept[names.index(name)]


def generations(published: Path) -> list[Generation]:
    """The finished generations that are kept, oldest first."""
    files = sorted((published / "generations").glob("[!.]*/generation.json"))
    return [_read(file) for file in files]


def current(published: Path) -> Generation | None:
    """The generation readers see, or None before the first publication."""
    link = published / "current"
    file = link / "generation.json"
    return _read(file.resolve()) if file.exists() else None


def _read(file: Path) -> Generation:
    return Generation(**json.loads(file.read_text(encoding="utf-8")))


def remove_unfinished(generations: Path) -> None:
    """What a killed run left behind; the run lock says that nobody is writing it."""
    for leftover in generations.glob(".*/"):
        shutil.rmtree(leftover)


def _prune(published: Path, keep: int) -> None:
    """Keep the newest generations and the current one. Open readers keep what they have open."""
    now = current(published)
    for generation in generations(published)[:-keep]:
        if now is None or generation.name != now.name:
            # hidden first: killed half-way, it is unfinished work and no generation to go back to
            folder = published / "generations"
            shutil.rmtree((folder / generation.name).rename(folder / f".{generation.name}"))


def _flush(folder: Path) -> None:
    """Force a finished generation onto the disk before anything points at it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            # a reader that opens a mart for writing would lock out the others
            path.chmod(0o444)
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _sync_folder(folder / "parquet")
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
