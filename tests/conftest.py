"""Fixtures that many tests share. What the tenant is made of stands in `tenant`."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tenant import Tenant

DAYS_LOADED = 11


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
