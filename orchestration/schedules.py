"""When the pipeline runs: the daily job, its schedule and sensor, and the weekly review.

What a run does is in the assets; nothing here touches data.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg
from dagster._core.definitions.partitions.partitioned_schedule import (
    UnresolvedPartitionedAssetScheduleDefinition,
)

from orchestration import identity_review, raw, runs, settings, training
from orchestration.feeds import Feed
from orchestration.settings import Settings

JOB = "daily"
REVIEW_JOB = "identity_review"
TRAINING_JOB = "train_weights"

_REVIEW = dg.AssetSelection.assets(identity_review.ASSET_KEY)
_TRAINING = dg.AssetSelection.assets(training.ASSET_KEY)

daily_job = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.all() - _REVIEW - _TRAINING,
    description="Everything, from landed files to published marts, for one day or a range of days.",
    executor_def=dg.in_process_executor,
)
"""One process for all steps: DuckDB has one writer, and a process per step costs seconds each."""

review_job = dg.define_asset_job(
    REVIEW_JOB,
    selection=_REVIEW,
    description="Identity rebuilt from nothing in a scratch home and compared; changes nothing.",
    executor_def=dg.in_process_executor,
)

training_job = dg.define_asset_job(
    TRAINING_JOB,
    selection=_TRAINING,
    description="Learns the identity station's match weights from the warehouse. On demand only.",
    executor_def=dg.in_process_executor,
)


def range_tags(first: date, last: date, *, full_refresh: bool = False) -> dict[str, str]:
    """The tags that make one run cover the load dates from `first` to `last`."""
    tags = {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }
    return tags | ({runs.FULL_REFRESH_TAG: "true"} if full_refresh else {})


def build_schedule() -> dg.ScheduleDefinition | UnresolvedPartitionedAssetScheduleDefinition:
    """Every morning, the day that has just ended."""
    return dg.build_schedule_from_partitioned_job(
        daily_job,
        hour_of_day=5,
        description="Loads yesterday's files at five in the morning, reporting time zone.",
    )


def build_review_schedule(where: Settings) -> dg.ScheduleDefinition:
    """Every Sunday, late enough that a run of that day is over and long before Monday's."""
    return dg.ScheduleDefinition(
        job=review_job,
        cron_schedule="0 23 * * 0",
        execution_timezone=where.timezone,
        description="Reviews identity on Sundays at eleven at night, reporting time zone.",
    )


def build_sensor(where: Settings, feeds: Sequence[Feed]) -> dg.SensorDefinition:
    """One run over all days that have files which are not yet loaded."""

    @dg.sensor(
        job=daily_job,
        name="landed_days",
        minimum_interval_seconds=300,
        description="Starts one run over the days whose landed files are not what was loaded, "
        "once per state of the landing folder.",
    )
    def landed_days(
        context: dg.SensorEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        now = settings.load()
        last = runs.last_full_day(now)
        first = runs.partitions(where).start.date()
        days = [day for day in raw.pending_days(now, feeds) if first <= day <= last]
        if not days:
            yield dg.SkipReason("Every landed day is loaded.")
            return
        state = raw.landing_state(now, feeds, days)
        yield dg.RunRequest(run_key=state, tags=range_tags(days[0], days[-1]))

    return landed_days
