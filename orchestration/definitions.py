"""What Dagster loads. Assembly only."""

from __future__ import annotations

import warnings

import dagster as dg

from orchestration import (
    checks,
    feeds,
    identity_review,
    ledger,
    progress,
    publish,
    raw,
    runs,
    schedules,
    settings,
    training,
    transform,
)


@dg.definitions
def defs() -> dg.Definitions:
    """The code location that `workspace.yaml` names; built when it is loaded, not on import."""
    return build()


def build() -> dg.Definitions:
    """Put feeds, stations, gates, publication, jobs, schedules and sensor together."""
    with warnings.catch_warnings():
        # single-run backfills are what Dagster calls beta
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _assemble()


def _assemble() -> dg.Definitions:
    where = settings.load()
    contracts = feeds.load()
    manifest = transform.load_manifest()
    translator = transform.build_translator()
    partitions = runs.partitions(where)
    return dg.Definitions(
        assets=[
            *(raw.build_asset(feed, partitions) for feed in contracts),
            raw.build_feed_arrivals(contracts),
            ledger.build_asset(manifest),
            *(
                transform.build_station(station, manifest, translator)
                for station in transform.STATIONS
            ),
            identity_review.build_asset(),
            publish.build_asset(manifest),
            training.build_asset(),
        ],
        asset_checks=[
            checks.station_checks(station, runs.as_of, publish.published_row_counts)
            for station in transform.STATIONS
        ],
        jobs=[schedules.daily_job, schedules.review_job, schedules.training_job],
        schedules=[schedules.build_schedule(), schedules.build_review_schedule(where)],
        sensors=[schedules.build_sensor(where, contracts)],
        resources={"run_lock": runs.run_lock},
        loggers={"progress": progress.progress_logger, "console": dg.colored_console_logger},
        executor=dg.in_process_executor,
    )
