"""Every path, environment variable and rule of the models the pipeline knows, and nothing else.

A tenant is a landing folder: what is particular to it (time zone, currency, country) may stand in
`tenant.env` beside its feeds, so that the command line, the Dagster UI and the schedule agree
without anyone exporting anything. A variable of the environment wins over that file.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

PROJECT_ROOT = Path(__file__).resolve().parent.parent

SWITCHES = {
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DAGSTER_EVENT_BATCH_SIZE": "1000",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
}
"""Switches that keep every library from calling home, and Dagster from storing events singly."""

_TENANT_VARIABLES = {
    "INSIGHTS_TIMEZONE": "UTC",
    "INSIGHTS_CURRENCY": "EUR",
    "INSIGHTS_COUNTRY": "US",
}
_TARGETS = ("duckdb",)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class SettingsError(Exception):
    """An environment variable or `tenant.env` holds a value the pipeline cannot use."""


@dataclass(frozen=True)
class Settings:
    """Where things are and what is particular to the tenant. Paths are absolute."""

    home: Path
    landing: Path
    target: str
    timezone: str
    currency: str
    country: str
    keep_generations: int

    @property
    def raw(self) -> Path:
        """Typed arrivals: `<source>/<table>/<day>.parquet`."""
        return self.home / "raw"

    @property
    def quarantine(self) -> Path:
        """Refused rows: `<source>/<table>/<day>.parquet`."""
        return self.home / "quarantine"

    @property
    def ledger(self) -> Path:
        """What must outlive the warehouse: the assignments of customer ids."""
        return self.home / "ledger"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that only the pipeline opens."""
        return self.home / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """`current` and `generations/`: what readers read."""
        return self.home / "published"

    @property
    def reports(self) -> Path:
        """Pictures and tables for people, one folder per subject."""
        return self.home / "reports"

    @property
    def staging_area(self) -> Path:
        """Half-finished work, on the same file system as what it will become."""
        return self.home / ".work"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage: runs, events, schedules."""
        return self.home / "dagster"

    def environment(self) -> dict[str, str]:
        """These settings as the variables that dbt's profile and models read."""
        return {
            "INSIGHTS_HOME": str(self.home),
            "INSIGHTS_TARGET": self.target,
            "INSIGHTS_TIMEZONE": self.timezone,
            "INSIGHTS_CURRENCY": self.currency,
            "INSIGHTS_COUNTRY": self.country,
        }

    @property
    def run_lock(self) -> Path:
        """The file whose lock says that a run is writing this home."""
        return self.home / ".run.lock"


def load() -> Settings:
    """Read the settings from the environment, `tenant.env` and the defaults, in that order.

    Also puts `SWITCHES` into the environment.

    Raises SettingsError for a value that cannot be used.
    """
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
    home = _path("INSIGHTS_HOME", PROJECT_ROOT / "data")
    landing = _path("INSIGHTS_LANDING", home / "landing")
    tenant = _tenant_file(landing)
    values = {
        name: os.environ.get(name) or tenant.get(name) or default
        for name, default in _TENANT_VARIABLES.items()
    }
    target = os.environ.get("INSIGHTS_TARGET") or "duckdb"
    if target not in _TARGETS:
        raise SettingsError(
            f"INSIGHTS_TARGET is '{target}'; it must be one of: {', '.join(_TARGETS)}."
        )
    try:
        ZoneInfo(values["INSIGHTS_TIMEZONE"])
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"INSIGHTS_TIMEZONE is '{values['INSIGHTS_TIMEZONE']}', which is not a time zone; "
            "use a name such as Europe/Paris."
        ) from error
    for name, length in (("INSIGHTS_CURRENCY", 3), ("INSIGHTS_COUNTRY", 2)):
        if not re.fullmatch(rf"[A-Z]{{{length}}}", values[name]):
            raise SettingsError(f"{name} is '{values[name]}'; use its {length}-letter ISO code.")
    keep = os.environ.get("INSIGHTS_KEEP_GENERATIONS") or "5"
    if not keep.isdecimal() or int(keep) < 1:
        raise SettingsError(f"INSIGHTS_KEEP_GENERATIONS is '{keep}'; it must be 1 or more.")
    return Settings(
        home=home,
        landing=landing,
        target=target,
        timezone=values["INSIGHTS_TIMEZONE"],
        currency=values["INSIGHTS_CURRENCY"],
        country=values["INSIGHTS_COUNTRY"],
        keep_generations=int(keep),
    )


def project_variables() -> dict[str, Any]:
    """The variables of `dbt_project.yml`: the rules of the models, by name."""
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    variables: dict[str, Any] = project["vars"]
    return variables


def parse_day(text: str) -> date | None:
    """The day that `YYYY-MM-DD` names, or None when the text is not one."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _path(name: str, default: Path) -> Path:
    return Path(os.environ.get(name) or default).expanduser().absolute()


def _tenant_file(landing: Path) -> dict[str, str]:
    """The `NAME=value` lines of `tenant.env`, of the names a tenant may set."""
    path = landing / "tenant.env"
    if not path.is_file():
        return {}
    values = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, separator, value = text.partition("=")
        if not separator or name.strip() not in _TENANT_VARIABLES:
            raise SettingsError(
                f"{path}:{number}: '{text}' is not NAME=value with one of "
                f"{', '.join(sorted(_TENANT_VARIABLES))}."
            )
        values[name.strip()] = value.strip()
    return values
