"""Gates: run the suites of `expectations` on DuckDB and say in plain words what does not hold.

Here: the engine that pushes suites down to a DuckDB file, the gate for arrivals, and the factory
that turns a station's suites into blocking asset checks. What is expected, and every threshold,
is in `expectations`; what a refused day leads to is decided by the caller.

Great Expectations takes seconds to import, so it and the suites are imported when a gate runs,
never when this module is. A failing row is shown by its key; no other value of it is ever read.
"""

import re
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
import duckdb
from sqlalchemy import URL, Engine, event
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

from orchestration import settings
from orchestration.feeds import Feed

if TYPE_CHECKING:
    from expectations import Suite

Severity = Literal["error", "warn"]

EXAMPLES = 5
"""How many failing rows a sentence shows."""

_DAY = "_load_date"
_ROWS_BUFFERED = 10_000
"""Great Expectations looks at 200 rows of an answer at most; we at one per load date."""

_ABOUT_NAMES = re.compile(
    r"(?:_duckdb\.(?:Binder|Catalog|Parser)Exception\) |Error: )"
    r"(?P<message>(?:(?:Binder|Catalog|Parser) Error: |The column )[^\n]+)"
)
"""Errors about what a query names. All others may quote data, and are not shown."""


@dataclass(frozen=True)
class Failure:
    """One expectation that does not hold.

    `unexpected_count` counts the rows that break it; None where it is about the table as a whole.
    `days` are the load dates concerned, where the rows have one.
    """

    sentence: str
    severity: Severity
    expectation: str
    unexpected_count: int | None = None
    days: tuple[date, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What one suite found. `table` is `station.table`, `suite` is `<station>_<table>`."""

    table: str
    suite: str
    passed_count: int
    failures: tuple[Failure, ...] = ()

    @property
    def is_blocking(self) -> bool:
        """Whether a failure is an error, not only a warning."""
        return any(failure.severity == "error" for failure in self.failures)

    @property
    def metadata(self) -> dict[str, dg.MetadataValue]:
        """The findings for Dagster: sentences and counts, nothing personal."""
        findings = [f"- {failure.severity}: {failure.sentence}" for failure in self.failures]
        return {
            "findings": dg.MetadataValue.md("\n".join(findings) or "none"),
            "passed": dg.MetadataValue.int(self.passed_count),
            "failed": dg.MetadataValue.int(len(self.failures)),
        }


@dataclass(frozen=True)
class StagedDay:
    """A load date read but not yet loaded: where its accepted rows lie, and how many there are."""

    path: Path
    row_count: int
    refused_count: int


@dataclass(frozen=True)
class ArrivalReport:
    """What the gate found about a feed's arrivals.

    `failed_days` names the load dates that must not be loaded, each with the sentences why. A feed
    that is stale is an error in `outcomes` and no reason to refuse the days that did come.
    """

    outcomes: tuple[Outcome, ...]
    failed_days: Mapping[date, tuple[str, ...]]

    @property
    def is_blocking(self) -> bool:
        """Whether any failure is an error."""
        return any(outcome.is_blocking for outcome in self.outcomes)


def run_suites(database: Path, suites: Sequence["Suite"]) -> list[Outcome]:
    """Ask a DuckDB file every suite, in SQL, and return one outcome per suite in their order.

    A table that is not there, and an expectation that raises, are failures with severity error.
    An aggregate over no rows is null and breaks no bound, so empty tables pass. The file is opened
    read-only and closed at the end, whatever happens. Raises when it cannot be opened.
    """
    if not suites:
        return []
    with _opened(database) as (source, engine):
        return [_run(source, engine, suite) for suite in suites]


def check_arrivals(
    feed: Feed, staged: Mapping[date, StagedDay], history: Mapping[date, int], as_of: date
) -> ArrivalReport:
    """Judge a feed's staged load dates, all in one batch, before they are loaded.

    `history` holds the row counts of the load dates already loaded; a staged day replaces its
    own. `as_of` is the run's last day: the newest arrival up to it must be fresh, unless nothing
    ever arrived. A failure that cannot be pinned to load dates refuses all of them.
    """
    from expectations import raw

    rows_table, days_table = feed.identifier, f"{feed.identifier}_days"
    suites: list[Suite] = []
    if staged:
        has_personal_key = any(
            column.pii != "none" for column in feed.columns if column.name in feed.key
        )
        suites += [
            raw.rows(
                feed.name,
                rows_table,
                required=[column.name for column in feed.columns if column.is_required],
                allowed={column.name: column.allowed for column in feed.columns if column.allowed},
                key=feed.key,
                shown=() if has_personal_key else feed.key,
                duplicates_refused=feed.duplicates == "refuse",
            ),
            raw.days(
                feed.name,
                days_table,
                max_reject_share=feed.max_reject_share,
                min_ratio=feed.volume.min_ratio,
                max_ratio=feed.volume.max_ratio,
                trailing_days=feed.volume.trailing_days,
            ),
        ]
    about_days = len(suites)
    newest = max((day for day in (*staged, *history) if day <= as_of), default=None)
    limits = [
        period.as_timedelta / timedelta(days=1) if period else None
        for period in (feed.freshness.warn_after, feed.freshness.error_after)
    ]
    if newest and any(limits):
        suites.append(
            raw.freshness(
                feed.name,
                f"{feed.identifier}_freshness",
                warn_after_days=limits[0],
                error_after_days=limits[1],
            )
        )
    if not suites:
        return ArrivalReport((), {})
    with tempfile.TemporaryDirectory(prefix="insights-arrivals-") as folder:
        database = Path(folder) / "arrivals.duckdb"
        with duckdb.connect(str(database)) as connection:
            connection.execute("create schema raw")
            if staged:
                _lay_out_staged(connection, feed, rows_table, days_table, staged, history)
            if newest:
                connection.execute(
                    f"create table raw.{feed.identifier}_freshness as "
                    "select $newest::date as newest_load_date, $age::integer as age_days",
                    {"newest": newest, "age": (as_of - newest).days},
                )
        outcomes = run_suites(database, suites)
    return ArrivalReport(tuple(outcomes), _failed_days(outcomes[:about_days], staged))


def station_checks(
    station: str,
    as_of_of: Callable[[dg.AssetCheckExecutionContext], date],
    published_of: Callable[[], Mapping[str, int]] = dict,
) -> dg.AssetChecksDefinition:
    """The gate behind a station: one blocking check per gated table, on the warehouse.

    `as_of_of` tells the run's day from the step's context, `published_of` the row count of each
    mart in the last publication; an empty mapping leaves the comparison with it out.
    """
    import expectations

    checks = {
        f"{station}.{table}": dg.AssetCheckSpec(
            f"{station}_{table}",
            asset=dg.AssetKey([station, table]),
            description=description,
            blocking=True,
        )
        for table, description in expectations.GATES[station].items()
    }

    @dg.multi_asset_check(
        name=f"{station}_gate",
        specs=list(checks.values()),
        can_subset=True,
        # a gate that is asked by itself must not meet a run that writes
        required_resource_keys={"run_lock"},
    )
    def gate(context: dg.AssetCheckExecutionContext) -> Iterable[dg.AssetCheckResult]:
        asked = context.selected_asset_check_keys
        suites = [
            suite
            for suite in expectations.suites(station, as_of_of(context), published_of())
            if checks[suite.relation].key in asked
        ]
        for outcome in run_suites(settings.load().warehouse, suites):
            severity = "ERROR" if outcome.is_blocking else "WARN"
            for failure in outcome.failures:
                context.log.warning(failure.sentence)
            yield dg.AssetCheckResult(
                asset_key=checks[outcome.table].asset_key,
                check_name=checks[outcome.table].name,
                passed=not outcome.failures,
                severity=dg.AssetCheckSeverity[severity],
                metadata=outcome.metadata,
            )

    return gate


def _lay_out_staged(
    connection: duckdb.DuckDBPyConnection,
    feed: Feed,
    rows_table: str,
    days_table: str,
    staged: Mapping[date, StagedDay],
    history: Mapping[date, int],
) -> None:
    """The staged rows as a view over their files, and a table with what each load date measures."""
    files = ", ".join("'" + str(day.path).replace("'", "''") + "'" for day in staged.values())
    connection.execute(
        f"create view raw.{rows_table} as select * from "
        f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"
    )
    earlier = {day: count for day, count in history.items() if day not in staged}
    connection.execute(
        f"""
        create table raw.{days_table} as
        with arrivals as (

            select unnest($days::date[]) as {_DAY}, unnest($counts::bigint[]) as row_count,
                unnest($refused::bigint[]) as refused_count
            union all
            select unnest($earlier_days::date[]), unnest($earlier_counts::bigint[]), null

        ),

        measured as (

            select
                *,
                median(row_count) over recent as trailing_median_row_count,
                count(*) over recent as earlier_day_count
            from arrivals
            window recent as (
                order by {_DAY}
                range between interval {feed.volume.trailing_days} day preceding
                and interval 1 day preceding
            )

        )

        select
            {_DAY}, row_count, refused_count, earlier_day_count, trailing_median_row_count,
            refused_count / nullif(row_count + refused_count, 0) as reject_share,
            row_count / nullif(trailing_median_row_count, 0) as row_count_ratio
        from measured
        where refused_count is not null
        """,
        {
            "days": list(staged),
            "counts": [day.row_count for day in staged.values()],
            "refused": [day.refused_count for day in staged.values()],
            "earlier_days": list(earlier),
            "earlier_counts": list(earlier.values()),
        },
    )


def _failed_days(
    outcomes: Iterable[Outcome], staged: Mapping[date, StagedDay]
) -> dict[date, tuple[str, ...]]:
    failed: dict[date, tuple[str, ...]] = {}
    for outcome in outcomes:
        for failure in outcome.failures:
            if failure.severity == "error":
                for day in failure.days or staged:
                    failed[day] = (*failed.get(day, ()), failure.sentence)
    return dict(sorted(failed.items()))


@contextmanager
def _opened(database: Path) -> Iterator[tuple[Any, Engine]]:
    """A Great Expectations data source on a DuckDB file, and the engine it asks with."""
    url = URL.create("duckdb", database=str(database), query={"access_mode": "read_only"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations
        from great_expectations.data_context.types import base

        context = great_expectations.get_context(
            mode="ephemeral",
            project_config=base.DataContextConfig(
                analytics_enabled=False,
                progress_bars=base.ProgressBarsConfig(globally=False),
                store_backend_defaults=base.InMemoryStoreBackendDefaults(
                    init_temp_docs_sites=False
                ),
            ),
        )
        source = context.data_sources.add_sql(
            database.stem,
            connection_string=url.render_as_string(),
            create_temp_table=False,
        )
        with ExitStack() as closing:
            # of its two engines, one has tried the connection and the other asks
            closing.callback(source.get_engine().dispose)
            engine = source.get_execution_engine().engine
            closing.callback(engine.dispose)
            event.listen(engine, "after_cursor_execute", _keep_answer)
            yield source, engine


def _keep_answer(
    connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: bool
) -> None:
    """Great Expectations reads an answer after closing the connection; DuckDB's is gone by then."""
    if cursor.description:
        context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
            cursor.description, initial_buffer=cursor.fetchmany(_ROWS_BUFFERED)
        )


def _run(source: Any, engine: Engine, suite: "Suite") -> Outcome:
    """Ask first only whether each expectation holds, then of those that do not, which rows."""
    import great_expectations

    try:
        row_count = _rows(engine, f"select count(*) from {suite.relation}")[0][0]
        # a table as an asset would be reflected through the catalogue, at five times the cost
        asset = source.add_query_asset(suite.name, query=suite.query)
        batch = asset.get_batch(asset.build_batch_request())

        def ask(expectations: Iterable[Any], **result_format: Any) -> list[Any]:
            wanted = great_expectations.ExpectationSuite(
                name=suite.name, expectations=list(expectations)
            )
            return [
                result
                for result in batch.validate(wanted, result_format=result_format).results
                if not result.success
            ]

        broken = ask(suite.expectations, result_format="BOOLEAN_ONLY")
        if broken:
            broken = ask(
                (result.expectation_config for result in broken),
                result_format="BASIC",
                partial_unexpected_count=0,
                exclude_unexpected_values=True,
                return_unexpected_index_query=True,
                unexpected_index_column_names=list(suite.shown),
            )
        failures = tuple(
            failure
            for result in broken
            if (failure := _failure(engine, suite, row_count, result)) is not None
        )
    except Exception as error:
        # a gate that cannot be asked is shut
        reason = _reason(f"{type(error).__name__}: {error}")
        sentence = f"{_subject(suite)}: the table could not be checked: {reason}."
        failures = (Failure(sentence, "error", "table"),)
        return Outcome(suite.relation, suite.name, 0, failures)
    passed_count = len(suite.expectations) - len(failures)
    return Outcome(suite.relation, suite.name, passed_count, failures)


def _failure(engine: Engine, suite: "Suite", row_count: int, result: Any) -> Failure | None:
    """What a broken expectation says, or None when it has nothing to say about no rows."""
    config = result.expectation_config
    expected = f"{_subject(suite)}: expected that {config.description or config.type}"
    if "observed_value" not in result.result and "unexpected_count" not in result.result:
        # one exception, or one for each metric that the expectation needs
        raised = result.exception_info
        infos = [raised] if "exception_message" in raised else raised.values()
        reason = _reason("\n".join(str(info["exception_message"]) for info in infos))
        sentence = f"{expected}; this could not be checked: {reason}."
        return Failure(sentence, "error", config.type)
    severity: Severity = "error" if config.severity == "critical" else "warn"
    failing = _failing_rows(suite, result)
    if failing is None:
        observed = result.result["observed_value"]
        if observed is None:
            return None
        return Failure(f"{expected}; found {_written(observed)}.", severity, config.type)
    columns, examples, days = _explain(engine, suite, failing)
    count = result.result.get("unexpected_count", result.result.get("observed_value"))
    if columns == ["observed"]:
        found = "; ".join(_written(number) for (number,) in examples)
        return Failure(f"{expected}; found {found}.", severity, config.type)
    if "observed" in columns:
        shown = [f"{_written(row[-1])} ({_named(columns[:-1], row)})" for row in examples]
        sentence = f"{expected}; found {'; '.join(shown)}"
        if count > len(examples):
            sentence += f" and {count - len(examples):,} more"
    else:
        sentence = f"{expected}; broken by {count:,} of {row_count:,} rows"
        if columns:
            sentence += f", for example {'; '.join(_named(columns, row) for row in examples)}"
    return Failure(f"{sentence}.", severity, config.type, count, days)


def _failing_rows(suite: "Suite", result: Any) -> str | None:
    """The query behind a failure that selects the rows, or None where it is about an aggregate."""
    own: str | None = result.expectation_config.kwargs.get("unexpected_rows_query")
    if own is not None:
        return own.format(batch=suite.relation)
    query: str | None = result.result.get("unexpected_index_query")
    # Great Expectations names the asset's query there without the brackets that SQL asks for
    return query and query.rstrip("; \n").replace(f"FROM {suite.query}", f"FROM ({suite.query})")


def _explain(
    engine: Engine, suite: "Suite", failing: str
) -> tuple[list[str], Sequence[Any], tuple[date, ...]]:
    """The columns of failing rows that may be shown, some such rows, and their load dates."""
    with engine.connect() as connection:
        available = set(connection.exec_driver_sql(f"from ({failing}) limit 0").keys())
    columns = [column for column in (*suite.shown, "observed") if column in available]
    if not columns:
        return [], [], ()
    shown = ", ".join(columns)
    some = f"select distinct {shown} from ({failing}) order by all limit {EXAMPLES}"
    days: list[date | None] = []
    if _DAY in columns:
        each = f"select distinct {_DAY} from ({failing}) order by all"
        days = [day for (day,) in _rows(engine, each)]
    # rows that have lost their load date could be of any
    known = () if None in days else tuple(day for day in days if day)
    return columns, _rows(engine, some), known


def _rows(engine: Engine, query: str) -> Sequence[Any]:
    with engine.connect() as connection:
        return connection.exec_driver_sql(query).fetchall()


def _subject(suite: "Suite") -> str:
    return suite.subject or suite.relation


def _named(columns: Sequence[str], row: Sequence[Any]) -> str:
    """The first values of a row, each with its column's name."""
    return ", ".join(
        f"{column} {'null' if value is None else value}"
        for column, value in zip(columns, row, strict=False)
    )


def _written(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1_000 else f"{number:.4g}"


def _reason(message: str) -> str:
    """Why something could not be asked, without any data that the message may quote."""
    if about_names := _ABOUT_NAMES.search(message):
        return about_names["message"].rstrip(".")
    kind = re.search(r"\b\w+(?:Error|Exception)\b", message)
    return kind.group() if kind else "an error that may quote data"
