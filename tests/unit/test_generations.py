"""Generations and the switch: what is kept, what is current, and that nobody sees it half-way."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from orchestration import generations
from orchestration.generations import Generation, PublishError


def publish(published: Path, name: str, keep: int = 5) -> Path:
    """A generation with one Parquet file, made as a publication makes it."""
    work = published / "generations" / f".{name}"
    (work / "parquet").mkdir(parents=True)
    (work / "parquet" / "customers.parquet").write_text(name)
    about = Generation(name, f"run-{name}", "2024-03-11", "2024-03-12T05:00:00+00:00", {"a": 1})
    (work / "generation.json").write_text(json.dumps(asdict(about)))
    return generations.finish(work, published, name, keep)


def names(published: Path) -> list[str]:
    return [generation.name for generation in generations.generations(published)]


def current_name(published: Path) -> str | None:
    now = generations.current(published)
    return now.name if now else None


def read_current(published: Path) -> str:
    """What a reader finds who knows only the link."""
    return (published / "current" / "parquet" / "customers.parquet").read_text()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return tmp_path / "published"


# publishing


def test_before_the_first_publication_there_is_nothing(published: Path) -> None:
    assert generations.current(published) is None
    assert generations.generations(published) == []


def test_a_finished_generation_is_current_and_tells_of_itself(published: Path) -> None:
    target = publish(published, "b")
    assert target == published / "generations" / "b"
    assert (published / "current").resolve() == target
    assert generations.current(published) == Generation(
        "b", "run-b", "2024-03-11", "2024-03-12T05:00:00+00:00", {"a": 1}
    )
    assert read_current(published) == "b"


def test_the_link_survives_moving_the_home(published: Path, tmp_path: Path) -> None:
    publish(published, "b")
    moved = published.rename(tmp_path / "moved")
    assert read_current(moved) == "b"


def test_generations_are_listed_oldest_first(published: Path) -> None:
    for name in ("b", "a", "c"):
        publish(published, name)
    assert names(published) == ["a", "b", "c"]


def test_unfinished_and_foreign_folders_are_no_generations(published: Path) -> None:
    publish(published, "a")
    hidden = published / "generations" / ".b"
    hidden.mkdir()
    (hidden / "generation.json").write_text("{}")
    (published / "generations" / "someones notes").mkdir()
    assert names(published) == ["a"]


# what is kept


@pytest.mark.parametrize(("keep", "kept"), [(1, "e"), (2, "de"), (4, "bcde"), (5, "abcde")])
def test_the_newest_generations_are_kept(published: Path, keep: int, kept: str) -> None:
    for name in "abcde":
        publish(published, name, keep)
    assert names(published) == list(kept)
    assert sorted(path.name for path in (published / "generations").iterdir()) == list(kept)


def test_the_current_generation_is_kept_even_as_the_oldest(published: Path) -> None:
    """The clock was set back: the newest publication has the oldest name."""
    for name in "bcd":
        publish(published, name)
    publish(published, "a", keep=2)
    assert current_name(published) == "a"
    assert names(published) == ["a", "c", "d"]
    assert read_current(published) == "a"


def test_after_going_back_the_next_publication_is_current(published: Path) -> None:
    for name in "abc":
        publish(published, name)
    generations.roll_back(published, "a")
    publish(published, "d", keep=2)
    assert current_name(published) == "d"
    assert names(published) == ["c", "d"]


def test_a_foreign_folder_is_never_removed(published: Path) -> None:
    notes = published / "generations" / "0 someones notes"
    notes.mkdir(parents=True)
    for name in "abc":
        publish(published, name, keep=1)
    assert notes.is_dir()


def test_a_generation_half_removed_is_none_to_go_back_to(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the oldest generation is being removed."""

    def killed(folder: Path) -> None:
        (folder / "parquet" / "customers.parquet").unlink()
        raise KeyboardInterrupt

    publish(published, "a")
    publish(published, "b")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", killed)
        publish(published, "c", keep=2)
    assert names(published) == ["b", "c"]
    assert read_current(published) == "c"
    publish(published, "d", keep=2)
    generations.remove_unfinished(published / "generations")
    assert sorted(path.name for path in (published / "generations").iterdir()) == ["c", "d"]


def test_unfinished_work_is_removed_and_nothing_else(published: Path) -> None:
    publish(published, "a")
    folder = published / "generations"
    (folder / ".b" / "parquet").mkdir(parents=True)
    (folder / ".b" / "parquet" / "customers.parquet").write_text("half")
    generations.remove_unfinished(folder)
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert read_current(published) == "a"


def test_a_hidden_file_is_no_unfinished_work(published: Path) -> None:
    """macOS leaves .DS_Store in every folder that someone looks into."""
    publish(published, "a")
    (published / "generations" / ".DS_Store").write_text("view settings")
    (published / "generations" / ".b").mkdir()
    generations.remove_unfinished(published / "generations")
    assert not (published / "generations" / ".b").exists()


# going back


def test_going_back_leads_to_the_one_before(published: Path) -> None:
    for name in "abc":
        publish(published, name)
    assert generations.roll_back(published).name == "b"
    assert read_current(published) == "b"
    assert generations.roll_back(published).name == "a"
    assert read_current(published) == "a"
    assert names(published) == ["a", "b", "c"]


def test_going_to_a_name_leads_there_in_either_direction(published: Path) -> None:
    for name in "abc":
        publish(published, name)
    assert generations.roll_back(published, "a").run_id == "run-a"
    assert generations.roll_back(published, "c").run_id == "run-c"
    assert generations.roll_back(published, "c").run_id == "run-c"
    assert read_current(published) == "c"


def test_there_is_nothing_before_the_oldest(published: Path) -> None:
    publish(published, "a")
    publish(published, "b")
    generations.roll_back(published)
    with pytest.raises(PublishError, match=r"no older generation .* Kept: a, b\.$"):
        generations.roll_back(published)
    assert current_name(published) == "a"


@pytest.mark.parametrize("name", ["z", "", ".", "..", "../generations/a", ".b", "a/parquet"])
def test_a_name_that_is_not_kept_changes_nothing(published: Path, name: str) -> None:
    publish(published, "a")
    (published / "generations" / ".b").mkdir()
    with pytest.raises(PublishError, match=r"nothing was changed\. Kept: a\.$"):
        generations.roll_back(published, name)
    assert current_name(published) == "a"


@pytest.mark.parametrize("name", [None, "a"])
def test_before_the_first_publication_there_is_no_way_back(
    published: Path, name: str | None
) -> None:
    with pytest.raises(PublishError, match=r"Kept: none\.$"):
        generations.roll_back(published, name)
    assert not published.exists()


# the switch


def test_the_link_a_killed_run_left_is_replaced(published: Path) -> None:
    publish(published, "a")
    publish(published, "b")
    (published / ".current").symlink_to("generations/gone")
    generations.make_current(published, "a")
    assert read_current(published) == "a"
    assert not (published / ".current").is_symlink()


def test_a_link_to_nothing_is_no_publication(published: Path) -> None:
    publish(published, "a")
    (published / "generations" / "a").rename(published / "elsewhere")
    assert generations.current(published) is None


def test_switching_is_never_seen_half_way(published: Path) -> None:
    publish(published, "a")
    publish(published, "b")
    failures: list[Exception] = []
    seen: set[str | None] = set()
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            try:
                seen.add(read_current(published))
                seen.add(current_name(published))
            except OSError as error:
                failures.append(error)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(300):
        generations.make_current(published, "ab"[number % 2])
    is_over.set()
    watcher.join()
    assert failures == []
    assert seen <= {"a", "b"}
    assert current_name(published) == "b"
