"""The gates as an engine: what stops, what only warns, what is said, and that nothing leaks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

import expectations
from expectations import Suite
from orchestration import checks
from orchestration.checks import StagedDay
from orchestration.feeds import Column, Feed, Freshness, Period, Volume
from orchestration.settings import PROJECT_ROOT

MONDAY = date(2017, 3, 6)
SECRET = "anna.secret@example.com"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Path]:
    """A warehouse of sound purchases that bear a personal value, checked to be free afterwards."""
    database = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema customers")
        connection.execute(
            f"""
            create table customers.purchases as
            select
                'p' || i as purchase_id,
                'c' || i % 10 as customer_id,
                date '{MONDAY}' - cast(i % 30 as integer) as purchase_date,
                cast(20 as decimal(18, 2)) as gross_amount,
                cast(2 as decimal(18, 2)) as discount_amount,
                cast(18 as decimal(18, 2)) as net_amount,
                '{SECRET}' as email
            from range(100) as numbers (i)
            """
        )
    yield database
    # another configuration is refused as long as any connection of this process is open
    duckdb.connect(str(database), config={"threads": 1}).close()


def change(database: Path, *statements: str) -> None:
    """Run statements on a database."""
    with duckdb.connect(str(database)) as connection:
        for statement in statements:
            connection.execute(statement)


def purchases(published: Mapping[str, int] | None = None) -> Suite:
    """The suite of `customers.purchases`."""
    made = expectations.suites("customers", MONDAY, published)
    return next(suite for suite in made if suite.table == "purchases")


def judge(database: Path, suite: Suite) -> checks.Outcome:
    """The outcome of one suite."""
    (outcome,) = checks.run_suites(database, [suite])
    return outcome


def asking(query: str, shown: tuple[str, ...] = ("purchase_id",)) -> Suite:
    """A suite with one expectation of its own on `customers.purchases`."""
    from expectations import vocabulary as gxe

    wanted = gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, description="all is well")
    return Suite("customers", "purchases", (wanted,), shown)


def test_module_does_not_import_great_expectations() -> None:
    code = (
        "import sys; from orchestration import checks; from datetime import date;"
        "checks.station_checks('customers', lambda context: date(2017, 1, 1));"
        "assert not any(name.startswith('great_expectations') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT_ROOT)


def test_sound_table_passes_in_silence(
    warehouse: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    before = set(warehouse.parent.iterdir())
    outcome = judge(warehouse, purchases())
    assert (outcome.table, outcome.suite) == ("customers.purchases", "customers_purchases")
    assert outcome.failures == () and outcome.passed_count == 6 and not outcome.is_blocking
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
    assert set(warehouse.parent.iterdir()) == before


def test_failing_rows_are_counted_and_shown_by_key_only(
    warehouse: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(
        warehouse,
        "update customers.purchases set purchase_date = date '2017-03-07' "
        "where purchase_id in ('p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7')",
        "update customers.purchases set net_amount = -20000 where purchase_id = 'p9'",
    )
    outcome = judge(warehouse, purchases())
    late, amount, mean = outcome.failures
    assert late.sentence == (
        "customers.purchases: expected that no purchase lies after 2017-03-06; broken by 7 of 100 "
        "rows, for example "
        + "; ".join(f"purchase_id p{n}, purchase_date 2017-03-07" for n in range(1, 6))
        + "."
    )
    assert (late.severity, late.unexpected_count, late.days) == ("error", 7, ())
    assert (amount.severity, amount.unexpected_count) == ("warn", 1)
    assert "purchase_id p9" in amount.sentence and "20000" not in amount.sentence
    assert mean.sentence.endswith("between 0 and 5,000; found -182.2.")
    assert outcome.is_blocking and outcome.passed_count == 3
    assert SECRET not in f"{outcome} {outcome.metadata}"
    assert capfd.readouterr() == ("", "")


def test_no_personal_value_leaves_even_when_the_column_itself_is_asked(warehouse: Path) -> None:
    from expectations import vocabulary as gxe

    suite = Suite(
        "customers",
        "purchases",
        (
            gxe.ExpectColumnValuesToBeInSet(column="email", value_set=["x"], description="email"),
            gxe.UnexpectedRowsExpectation(
                unexpected_rows_query="select * from {batch}", description="nothing"
            ),
            gxe.UnexpectedRowsExpectation(
                unexpected_rows_query="select cast(email as integer) from {batch}",
                description="emails are numbers",
            ),
        ),
        shown=("purchase_id",),
    )
    outcome = judge(warehouse, suite)
    assert len(outcome.failures) == 3
    assert SECRET not in f"{outcome} {outcome.metadata}"
    told = " ".join(failure.sentence for failure in outcome.failures)
    assert "emails are numbers; this could not be checked: ConversionException." in told
    assert "nothing; broken by 100 of 100 rows, for example purchase_id p0; purchase_id p1" in told


def test_only_warnings_do_not_block(warehouse: Path) -> None:
    change(warehouse, "update customers.purchases set customer_id = null where purchase_id <> 'p1'")
    outcome = judge(warehouse, purchases())
    (failure,) = outcome.failures
    assert failure.severity == "warn" and failure.unexpected_count == 99
    assert not outcome.is_blocking


def test_discounts_beyond_belief_block_with_the_share_found(warehouse: Path) -> None:
    change(warehouse, "update customers.purchases set discount_amount = 19")
    (failure,) = judge(warehouse, purchases()).failures
    assert failure.sentence.endswith("discounts take 0 to 90% of gross_amount; found 0.95.")
    assert failure.severity == "error" and failure.unexpected_count is None


def test_empty_table_passes(warehouse: Path) -> None:
    change(warehouse, "delete from customers.purchases")
    outcome = judge(warehouse, purchases())
    assert outcome.failures == () and outcome.passed_count == 6


@pytest.mark.parametrize(("published", "is_blocking"), [(105, False), (106, True), (None, False)])
def test_publication_may_not_shrink(
    warehouse: Path, published: int | None, is_blocking: bool
) -> None:
    outcome = judge(warehouse, purchases({"purchases": published} if published else {}))
    assert outcome.is_blocking is is_blocking
    if is_blocking:
        assert outcome.failures[0].sentence == (
            "customers.purchases: expected that there are at least 101 rows, 95% of the 106 "
            "published last (if that is meant, accept it: insights accept purchases "
            '--reason "..."); found 100.'
        )


def test_emptied_table_cannot_replace_a_publication(warehouse: Path) -> None:
    change(warehouse, "delete from customers.purchases")
    assert judge(warehouse, purchases({"purchases": 100})).is_blocking


def test_missing_table_blocks_and_the_others_are_still_asked(warehouse: Path) -> None:
    suites = expectations.suites("customers", MONDAY)
    customers, present = checks.run_suites(warehouse, [suites[0], purchases()])
    assert customers.is_blocking and not present.failures
    assert "could not be checked: Catalog Error" in customers.failures[0].sentence


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("discount_amount", 'Binder Error: Referenced column "discount_amount" not found'),
        # the severity of a warning is about rows; a question that cannot be asked is an error
        ("customer_id", 'The column "customer_id" in BatchData does not exist.'),
    ],
)
def test_exception_in_an_expectation_is_a_failure_of_that_one_alone(
    warehouse: Path, capfd: pytest.CaptureFixture[str], column: str, reason: str
) -> None:
    change(warehouse, f"alter table customers.purchases drop column {column}")
    outcome = judge(warehouse, purchases())
    (failure,) = outcome.failures
    assert failure.severity == "error" and outcome.passed_count == 5
    assert f"could not be checked: {reason}" in failure.sentence and "\n" not in failure.sentence
    assert capfd.readouterr() == ("", "")


def test_rows_found_one_by_one_are_limited(warehouse: Path) -> None:
    query = "select purchase_id, 2 as observed from {batch}"
    (failure,) = judge(warehouse, asking(query)).failures
    assert failure.sentence.endswith("2 (purchase_id p12) and 95 more.")
    assert failure.unexpected_count == 100


def test_rows_without_a_key_to_show_are_only_counted(warehouse: Path) -> None:
    (failure,) = judge(warehouse, asking("select * from {batch}", shown=())).failures
    assert failure.sentence == (
        "customers.purchases: expected that all is well; broken by 100 of 100 rows."
    )


def test_missing_file_raises_and_makes_no_file(tmp_path: Path) -> None:
    absent = tmp_path / "absent.duckdb"
    with pytest.raises(Exception, match=r"absent\.duckdb"):
        checks.run_suites(absent, [purchases()])
    assert not absent.exists()


# --- arrivals

FEED = Feed(
    source="shop",
    table="sales",
    description="A sale, one row per sale.",
    owner="shop",
    columns=(
        Column(name="sale_id", data_type="varchar", description="Number.", is_required=True),
        Column(name="till", data_type="varchar", description="Till, where known."),
        Column(name="kind", data_type="varchar", description="Kind.", allowed=("sale", "return")),
        Column(name="email", data_type="varchar", description="Customer.", pii="email"),
    ),
    key=("sale_id", "till"),
    max_reject_share=0.01,
    freshness=Freshness(
        warn_after=Period(count=2, period="day"), error_after=Period(count=4, period="day")
    ),
    volume=Volume(trailing_days=28, min_ratio=0.1, max_ratio=5),
    path=Path("_shop__sources.yml"),
    line=1,
)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[StageDay]:
    """Stages load dates of `FEED` as Parquet."""
    yield StageDay(tmp_path)


class StageDay:
    """Writes one load date: sound rows, and further ones given as SQL tuples."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, day: date, rows: int, *further: str, refused: int = 0) -> StagedDay:
        path = self.folder / f"it's {day}.parquet"
        sound = "select 's' || i, 't1', 'sale', null from range($rows) as numbers (i)"
        values = " union all values " + ", ".join(further) if further else ""
        target = str(path).replace("'", "''")
        duckdb.execute(
            f"""
            copy (
                select *, date '{day}' as _load_date
                from ({sound}{values}) as staged (sale_id, till, kind, email)
            ) to '{target}' (format parquet)
            """.replace("$rows", str(rows))
        )
        return StagedDay(path, rows + len(further), refused)


def run_of_days(stage: StageDay, first: date, counts: list[int]) -> dict[date, StagedDay]:
    """Load dates one after the other, with so many rows each; none where the count is 0."""
    return {
        first + timedelta(days=place): stage(first + timedelta(days=place), count)
        for place, count in enumerate(counts)
        if count
    }


def test_sound_arrivals_pass_and_leave_nothing_behind(
    stage: StageDay, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = stage.folder / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    report = checks.check_arrivals(FEED, {MONDAY: stage(MONDAY, 100)}, {}, MONDAY)
    assert [outcome.suite for outcome in report.outcomes] == [
        "raw_shop__sales",
        "raw_shop__sales_days",
        "raw_shop__sales_freshness",
    ]
    assert report.failed_days == {} and not report.is_blocking
    assert sum(outcome.passed_count for outcome in report.outcomes) == 8
    assert list(scratch.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_bad_rows_refuse_their_own_days_and_show_no_person(stage: StageDay) -> None:
    tuesday, wednesday = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
    staged = {
        MONDAY: stage(MONDAY, 10, f"(null, 't1', 'sale', '{SECRET}')"),
        tuesday: stage(tuesday, 10, f"('x1', null, 'gift', '{SECRET}')"),
        wednesday: stage(wednesday, 10),
    }
    report = checks.check_arrivals(FEED, staged, {}, wednesday)
    assert set(report.failed_days) == {MONDAY, tuesday}
    assert report.failed_days[MONDAY] == (
        "shop.sales: expected that sale_id is never missing; broken by 1 of 32 rows, for example "
        "sale_id null, till t1, _load_date 2017-03-06.",
    )
    assert report.failed_days[tuesday] == (
        "shop.sales: expected that kind is one of sale, return; broken by 1 of 32 rows, for "
        "example sale_id x1, till null, _load_date 2017-03-07.",
    )
    assert SECRET not in str(report)


def test_repeated_keys_are_found_though_parts_are_null(stage: StageDay) -> None:
    tuesday = MONDAY + timedelta(days=1)
    repeated = ("('x1', null, 'sale', null)", "('x1', null, 'return', null)")
    staged = {
        # the same key on two days is a change, not a repetition
        MONDAY: stage(MONDAY, 10, *repeated),
        tuesday: stage(tuesday, 10, repeated[0]),
    }
    report = checks.check_arrivals(FEED, staged, {}, tuesday)
    assert report.failed_days == {
        MONDAY: (
            "shop.sales: expected that no (sale_id, till) comes twice in one load date; broken by "
            "2 of 23 rows, for example sale_id x1, till null, _load_date 2017-03-06.",
        )
    }
    kept = FEED.model_copy(update={"duplicates": "keep_latest"})
    assert checks.check_arrivals(kept, staged, {}, tuesday).failed_days == {}


def test_personal_key_is_not_shown(stage: StageDay) -> None:
    feed = FEED.model_copy(update={"key": ("email",)})
    twice = f"('x1', 't1', 'sale', '{SECRET}')"
    day = stage(MONDAY, 0, twice, twice)
    report = checks.check_arrivals(feed, {MONDAY: day}, {}, MONDAY)
    (sentence,) = report.failed_days[MONDAY]
    assert "broken by 2 of 2 rows, for example _load_date 2017-03-06." in sentence
    assert SECRET not in str(report)


def test_too_many_refused_rows_refuse_the_day(stage: StageDay) -> None:
    tuesday = MONDAY + timedelta(days=1)
    staged = {MONDAY: stage(MONDAY, 98, refused=2), tuesday: stage(tuesday, 99, refused=1)}
    report = checks.check_arrivals(FEED, staged, {}, tuesday)
    assert report.failed_days == {
        MONDAY: (
            "shop.sales: expected that at most 1.00% of a load date's rows are refused; found "
            "0.02 (_load_date 2017-03-06, row_count 98, refused_count 2).",
        )
    }


def test_drop_and_spike_are_judged_by_the_days_before_in_the_batch(stage: StageDay) -> None:
    staged = run_of_days(stage, MONDAY, [30, 100, 101, 99, 100, 100, 102, 9, 100, 600])
    report = checks.check_arrivals(FEED, staged, {}, max(staged))
    assert set(report.failed_days) == {MONDAY + timedelta(days=7), MONDAY + timedelta(days=9)}
    (spike,) = report.failed_days[MONDAY + timedelta(days=9)]
    assert "found 0.09 (_load_date 2017-03-13, row_count 9, trailing_median_row_count 100.0)" in (
        spike
    )
    assert "6 (_load_date 2017-03-15" in spike


def test_slow_days_of_a_small_shop_are_no_gaps(stage: StageDay) -> None:
    staged = run_of_days(stage, MONDAY, [11, 10, 12, 9, 11, 10, 12, 1, 60])
    assert checks.check_arrivals(FEED, staged, {}, max(staged)).failed_days == {}


def test_drop_is_judged_by_loaded_days_and_needs_enough_of_them(stage: StageDay) -> None:
    staged = {MONDAY: stage(MONDAY, 5)}
    week = {MONDAY - timedelta(days=back): 100 for back in range(1, 8)}
    assert set(checks.check_arrivals(FEED, staged, week, MONDAY).failed_days) == {MONDAY}
    # a day that is loaded again replaces itself
    again = {**week, MONDAY: 5}
    assert set(checks.check_arrivals(FEED, staged, again, MONDAY).failed_days) == {MONDAY}
    week.popitem()
    assert checks.check_arrivals(FEED, staged, week, MONDAY).failed_days == {}
    # days before the window are no past either
    long_ago = {MONDAY - timedelta(days=back): 100 for back in range(29, 60)}
    assert checks.check_arrivals(FEED, staged, long_ago, MONDAY).failed_days == {}


def test_closed_day_is_no_drop_and_a_short_first_day_no_spike_later(stage: StageDay) -> None:
    # as in the real tills: 127 receipts on the first day, no file on Christmas Day
    staged = run_of_days(stage, date(2016, 12, 16), [12, 43, 44, 43, 43, 42, 43, 44, 45, 0, 43])
    report = checks.check_arrivals(FEED, staged, {}, max(staged))
    assert date(2016, 12, 25) not in staged
    assert report.failed_days == {} and not report.is_blocking


@pytest.mark.parametrize(("age", "severities"), [(0, []), (2, []), (3, ["warn"]), (5, ["error"])])
def test_stale_feed_warns_then_blocks_and_refuses_no_day(
    stage: StageDay, age: int, severities: list[str]
) -> None:
    as_of = MONDAY + timedelta(days=age)
    later = {as_of + timedelta(days=1): 100}
    report = checks.check_arrivals(FEED, {}, {MONDAY: 100, **later}, as_of)
    (freshness,) = report.outcomes
    assert [failure.severity for failure in freshness.failures] == severities
    assert report.is_blocking is ("error" in severities)
    staged = {MONDAY: stage(MONDAY, 10)}
    report = checks.check_arrivals(FEED, staged, {}, as_of)
    assert report.is_blocking is ("error" in severities) and report.failed_days == {}
    if severities:
        assert report.outcomes[-1].failures[0].sentence == (
            f"shop.sales: expected that the newest arrival is at most {2 if age < 5 else 4} days "
            f"old; found {age} (newest_load_date 2017-03-06)."
        )


def test_feed_that_never_arrived_is_absent_not_stale() -> None:
    assert checks.check_arrivals(FEED, {}, {}, MONDAY) == checks.ArrivalReport((), {})


def test_rows_without_a_load_date_refuse_every_day(stage: StageDay) -> None:
    tuesday = MONDAY + timedelta(days=1)
    staged = {MONDAY: stage(MONDAY, 10), tuesday: stage(tuesday, 10)}
    undated = stage.folder / "undated.parquet"
    duckdb.execute(
        f"copy (select 'u1' as sale_id, cast(null as date) as _load_date) to '{undated}' "
        "(format parquet)"
    )
    staged[tuesday] = StagedDay(undated, row_count=1, refused_count=0)
    report = checks.check_arrivals(FEED, staged, {}, tuesday)
    assert set(report.failed_days) == {MONDAY, tuesday}


def test_rows_that_cannot_be_read_refuse_every_day(stage: StageDay) -> None:
    tuesday = MONDAY + timedelta(days=1)
    feed = FEED.model_copy(update={"source": "pos", "table": "receipts"})  # has no sold_at
    staged = {MONDAY: stage(MONDAY, 10), tuesday: stage(tuesday, 10)}
    report = checks.check_arrivals(feed, staged, {}, tuesday)
    assert set(report.failed_days) == {MONDAY, tuesday}
    assert 'could not be checked: Binder Error: Referenced column "sold_at"' in str(report)


# --- Dagster


def run_gate(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> dg.ExecuteInProcessResult:
    """Materialise the customers station, its gate, and an asset behind it."""
    monkeypatch.setenv("INSIGHTS_HOME", str(warehouse.parent))
    customers, purchases, behind = (["customers", "customers"], ["customers", "purchases"], "kpi")

    @dg.multi_asset(specs=[dg.AssetSpec(customers), dg.AssetSpec(purchases)])
    def station() -> Iterator[dg.MaterializeResult[None]]:
        yield dg.MaterializeResult(asset_key=customers)
        yield dg.MaterializeResult(asset_key=purchases)

    @dg.asset(name=behind, deps=[dg.AssetKey(purchases)])
    def next_station() -> None: ...

    gate = checks.station_checks("customers", lambda context: MONDAY)
    job = dg.Definitions(
        assets=[station, next_station],
        asset_checks=[gate],
        jobs=[dg.define_asset_job("all", selection="*")],
        executor=dg.in_process_executor,
        resources={"run_lock": dg.ResourceDefinition.none_resource()},
    ).resolve_job_def("all")
    assert gate.node_def.name == "customers_gate"
    return job.execute_in_process(raise_on_error=False)


@pytest.mark.parametrize(
    ("bad", "severity"),
    [
        ("select 1", None),
        ("update customers.purchases set customer_id = null", dg.AssetCheckSeverity.WARN),
        (
            f"update customers.purchases set purchase_date = date '{MONDAY + timedelta(days=1)}'",
            dg.AssetCheckSeverity.ERROR,
        ),
    ],
)
def test_error_stops_what_comes_behind_and_warning_does_not(
    warehouse: Path,
    monkeypatch: pytest.MonkeyPatch,
    bad: str,
    severity: dg.AssetCheckSeverity | None,
) -> None:
    change(
        warehouse,
        """
        create table customers.customers as
        select
            'c1' as customer_id, timestamp '2017-01-01' as first_seen_at,
            timestamp '2017-02-01' as last_seen_at, 'US' as country, 'NY' as region,
            '10' as postcode_area
        """,
        bad,
    )
    result = run_gate(warehouse, monkeypatch)
    is_stopped = severity is dg.AssetCheckSeverity.ERROR
    assert result.success is not is_stopped
    reached = {event.asset_key for event in result.get_asset_materialization_events()}
    assert (dg.AssetKey("kpi") in reached) is not is_stopped
    found = {
        evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()
    }
    assert found["customers_customers"].passed
    outcome = found["customers_purchases"]
    assert outcome.passed is (severity is None)
    if severity:
        assert outcome.severity is severity
        assert outcome.metadata["failed"].value == 1
        assert SECRET not in str(outcome.metadata)
