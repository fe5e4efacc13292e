"""What starts a run by itself: the sensor over newly landed days, and the morning schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from tests.conftest import DAYS_LOADED
from tests.tenant import FIRST_DAY, Tenant

NEXT = FIRST_DAY + timedelta(days=DAYS_LOADED)


def tick(tenant: Tenant) -> dg.RunRequest | dg.SkipReason:
    """What the sensor answers now."""
    from orchestration import feeds, schedules, settings

    with tenant.environment():
        sensor = schedules.build_sensor(settings.load(), feeds.load())
        with dg.build_sensor_context() as context:
            answers: Any = sensor(context)
            (answer,) = list(answers)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def test_the_sensor_asks_for_the_days_that_landed_and_for_no_others(loaded: Tenant) -> None:
    assert isinstance(tick(loaded), dg.SkipReason)
    loaded.land_day(NEXT)
    loaded.land_day(NEXT + timedelta(days=2))
    asked = tick(loaded)
    assert isinstance(asked, dg.RunRequest)
    assert asked.tags["dagster/asset_partition_range_start"] == str(NEXT)
    assert asked.tags["dagster/asset_partition_range_end"] == str(NEXT + timedelta(days=2))


def test_the_sensor_asks_once_for_one_state_of_the_landing_folder(loaded: Tenant) -> None:
    loaded.land_day(NEXT)
    keys = [request_key(loaded), request_key(loaded)]
    loaded.land_day(NEXT, amount=9)
    keys.append(request_key(loaded))
    assert keys[0] == keys[1] != keys[2]


def test_the_sensor_leaves_a_day_alone_that_is_not_over(loaded: Tenant) -> None:
    loaded.land_day(datetime.now(UTC).date() + timedelta(days=2))
    assert isinstance(tick(loaded), dg.SkipReason)


def test_the_schedule_asks_for_the_day_that_has_ended(loaded: Tenant) -> None:
    from orchestration import definitions

    with loaded.environment():
        schedule: Any = definitions.build().resolve_schedule_def("daily_schedule")
        assert schedule.cron_schedule == "0 5 * * *"
        assert schedule.execution_timezone == "America/New_York"
        morning = datetime(2024, 3, 14, 9, 0, tzinfo=UTC)
        with dg.build_schedule_context(scheduled_execution_time=morning) as context:
            asked = schedule(context)
    assert asked.partition_key == "2024-03-13"


def request_key(tenant: Tenant) -> str | None:
    answer = tick(tenant)
    assert isinstance(answer, dg.RunRequest)
    return answer.run_key
