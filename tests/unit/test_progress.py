"""The lines a run prints: what each step did, what to look at, and why it stopped."""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import pytest

from orchestration.progress import Progress, Step, Tally, failure_sentence, progress_logger

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def asset(
    *path: str,
    rows: int = 0,
    results: Sequence[dg.AssetCheckResult] = (),
    raised: Exception | None = None,
    deps: Sequence[str] = (),
) -> dg.AssetsDefinition:
    """An asset that reports, and at the end fails if it is to."""
    key = dg.AssetKey(path)

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(dep.split("/")) for dep in deps],
        check_specs=[dg.AssetCheckSpec(str(result.check_name), asset=key) for result in results],
    )
    def made() -> Iterator[Any]:
        if raised and not results:
            raise raised
        yield dg.MaterializeResult(metadata={"rows": rows}, check_results=list(results))
        if raised:
            raise raised

    return made


def check(name: str, refused: int = 0) -> dg.AssetCheckResult:
    """A check that held."""
    return dg.AssetCheckResult(passed=True, check_name=name, metadata={"refused_rows": refused})


def broken(
    name: str, severity: dg.AssetCheckSeverity, *findings: str, **metadata: Any
) -> dg.AssetCheckResult:
    """A check that did not hold, with what it found."""
    if findings:
        metadata["findings"] = dg.MetadataValue.md("\n".join(findings))
    return dg.AssetCheckResult(passed=False, check_name=name, severity=severity, metadata=metadata)


def run(*assets: dg.AssetsDefinition) -> tuple[list[str], Tally]:
    """A real run: the lines that were printed, and the tally of its events."""
    said = io.StringIO()
    progress = Progress(said)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(list(assets), instance=instance, raise_on_error=False)
    for event in result.all_events:
        progress.see(event)
    return said.getvalue().splitlines(), progress


# one line per step


def test_a_step_that_succeeds_tells_its_rows_and_time() -> None:
    (line,), _ = run(asset("raw", "pos", "receipts", rows=1234, results=[check("arrival", 5)]))
    assert line.startswith("  raw pos.receipts  ")
    assert line.endswith(" s  1,234 rows, 5 refused")


def test_a_step_with_nothing_to_tell_has_no_trailing_blanks() -> None:
    (line,), _ = run(asset("raw", "pos", "receipts"))
    assert line.startswith("  raw pos.receipts  ")
    assert line.endswith(" s")


def test_a_station_tells_how_many_checks_held() -> None:
    results = [check("a"), check("b"), broken("c", WARN, "- warn: odd.")]
    lines, _ = run(asset("customers", "customers", results=results))
    assert lines[0].endswith("2 of 3 checks held")


def test_a_station_of_several_tables_tells_how_many() -> None:
    @dg.multi_asset(
        specs=[dg.AssetSpec(["staging", name]) for name in ("a", "b", "c")], name="staging"
    )
    def staging() -> Iterator[Any]:
        for name in ("a", "b", "c"):
            yield dg.MaterializeResult(asset_key=["staging", name], metadata={"rows": 2})

    (line,), _ = run(staging)
    assert line.startswith("  staging ")
    assert line.endswith("3 tables, 6 rows")


def test_a_station_tells_what_it_did_not_build_again() -> None:
    @dg.multi_asset(
        specs=[dg.AssetSpec(["staging", name]) for name in ("a", "b", "c")], name="staging"
    )
    def staging() -> Iterator[Any]:
        yield dg.MaterializeResult(asset_key=["staging", "a"])
        for name in ("b", "c"):
            yield dg.MaterializeResult(asset_key=["staging", name], metadata={"unchanged": True})

    (line,), _ = run(staging)
    assert line.endswith("1 table built, 2 unchanged")


def test_a_gate_is_told_as_one() -> None:
    key = dg.AssetKey(["customers", "purchases"])

    @dg.multi_asset_check(name="customers_gate", specs=[dg.AssetCheckSpec("gate", asset=key)])
    def gate() -> Iterator[Any]:
        yield dg.AssetCheckResult(check_name="gate", asset_key=key, passed=True)

    said = io.StringIO()
    progress = Progress(said)
    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.Definitions(
            assets=[asset(*key.path)], asset_checks=[gate]
        ).resolve_implicit_global_asset_job_def()
        for event in job.execute_in_process(instance=instance).all_events:
            progress.see(event)
    line = said.getvalue().splitlines()[-1]
    assert line.startswith("  customers gate ")
    assert line.endswith("1 of 1 checks held")


# warnings and errors


def test_warnings_stand_below_their_step_and_are_no_failure() -> None:
    found = broken("x", WARN, "- warn: few rows.", "- warn: late.")
    (step, *below), _ = run(asset("a", "b", results=[found]))
    assert "FAILED" not in step
    assert below == ["      warning: few rows.", "      warning: late."]


def test_findings_are_sorted_into_errors_and_warnings() -> None:
    """Warnings first, errors last, where they are next to what was not built."""
    mixed = broken("x", ERROR, "- error: no key.", "- warn: few rows.", "- error: no date.")
    more = broken("y", WARN, "- warn: late.")
    (step, *below), tally = run(
        asset(
            "a",
            "b",
            results=[mixed, more],
            raised=dg.Failure("no key. (and 1 more)"),
        )
    )
    assert "FAILED" in step
    assert below == [
        "      warning: few rows.",
        "      warning: late.",
        "      error: no key.",
        "      error: no date.",
    ]
    assert tally.total().errors == ["no key.", "no date."]
    assert tally.total().warnings == ["few rows.", "late."]


def test_a_broken_dbt_test_that_only_warns_tells_its_rows() -> None:
    rows = {"dagster_dbt/failed_row_count": 1234}
    found = broken("purchases_have_customers", WARN, **rows)
    (_, line), _ = run(asset("customers", "purchases", results=[found]))
    assert line.startswith("      warning: customers.purchases: 1,234 rows ")
    assert line.endswith(" purchases_have_customers.")


def test_a_broken_dbt_test_that_fails_is_told_once() -> None:
    """By the failure of its step, which knows the keys of the rows."""
    rows = {"dagster_dbt/failed_row_count": 2}
    found = broken("purchases_have_customers", ERROR, **rows)
    reason = "purchases: 2 rows break purchases_have_customers."
    lines, _ = run(asset("customers", "purchases", results=[found], raised=dg.Failure(reason)))
    assert lines[1:] == [f"      error: {reason}"]


def test_what_depends_on_a_failure_has_no_line() -> None:
    lines, tally = run(
        asset("raw", "pos", "receipts", raised=dg.Failure("The file is broken.")),
        asset("staging", "receipts", deps=["raw/pos/receipts"]),
    )
    assert "FAILED" in lines[0]
    assert lines[1:] == ["      error: The file is broken."]
    assert tally.total("staging").tables == 0


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (dg.Failure("One sentence."), "One sentence."),
        (ValueError("is not a number"), "ValueError: is not a number"),
        (KeyError(), "KeyError"),
        (RuntimeError("first\nlast"), "RuntimeError: last"),
    ],
)
def test_a_failure_is_told_in_one_line(raised: Exception, sentence: str) -> None:
    lines, _ = run(asset("a", "b", raised=raised))
    assert lines[1:] == [f"      error: {sentence}"]


def test_the_reason_behind_a_reason_is_told() -> None:
    @dg.asset
    def made() -> None:
        try:
            raise OSError("the disk is full")
        except OSError as error:
            raise RuntimeError("could not write") from error

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([made], instance=instance, raise_on_error=False)
    (event,) = result.get_step_failure_events()
    assert failure_sentence(event).endswith("the disk is full")


# adding up


def test_steps_add_up_by_what_their_names_begin_with() -> None:
    _, tally = run(
        asset("raw", "pos", "receipts", rows=10, results=[check("arrival", 1)]),
        asset("raw", "pos", "lines", rows=20, results=[check("arrival", 2)]),
        asset(
            "customers",
            "purchases",
            rows=5,
            results=[check("x"), broken("y", WARN, "- warn: odd.")],
        ),
    )
    raw, everything = tally.total("raw__"), tally.total()
    assert (raw.rows, raw.refused, raw.tables, raw.checked, raw.failed) == (30, 3, 2, 2, 0)
    assert (everything.rows, everything.tables) == (35, 3)
    assert (everything.checked, everything.failed, everything.warnings) == (4, 1, ["odd."])
    assert everything.seconds >= raw.seconds > 0
    assert tally.total("kpis") == Step()


def test_a_run_prints_its_lines_while_it_works(capsys: pytest.CaptureFixture[str]) -> None:
    """As a logger of the job, which is how `insights run` uses it."""
    job = dg.Definitions(
        assets=[asset("raw", "pos", "receipts", rows=3), asset("staging", "receipts")],
        jobs=[dg.define_asset_job("daily", executor_def=dg.in_process_executor)],
        loggers={"progress": progress_logger},
    ).resolve_job_def("daily")
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(instance=instance, run_config={"loggers": {"progress": {}}})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["raw", "pos.receipts"],
        ["staging", "receipts"],
    ]
