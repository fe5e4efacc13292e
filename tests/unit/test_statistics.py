"""The statistics in SQL against scipy's, on DuckDB."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import jinja2
import pytest
from scipy import stats

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros" / "statistics.sql"


@pytest.fixture(scope="module")
def sql() -> Any:
    """The macros, as dbt renders them."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    template = environment.from_string(
        MACROS.read_text(encoding="utf-8"), globals={"return": str, "adapter": SimpleNamespace()}
    )
    return template.module


def number(expression: str) -> Any:
    ((value,),) = duckdb.execute(f"select cast({expression} as double)").fetchall()
    return value


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (3, 7), (40, 200), (199, 200)])
def test_wilson_is_scipys(sql: Any, successes: int, trials: int) -> None:
    known = stats.binomtest(successes, trials).proportion_ci(0.95, "wilson")
    for side, bound in (("low", known.low), ("high", known.high)):
        found = number(sql.wilson_bound_pct(str(successes), str(trials), side))
        assert found == pytest.approx(100 * bound, abs=1e-6)


@pytest.mark.parametrize(
    ("promoters", "detractors", "answers", "low", "high"),
    [
        # by hand: (100.75 - 60.75) / 253 = 0.15810; + - 1.95996 * sqrt(0.63834 - 0.02500) / 253)
        (100, 60, 250, 6.160, 25.461),
        (60, 15, 100, 29.456, 57.923),
        # everybody agrees, and still the interval has a width
        (10, 0, 10, 47.504, 100.0),
    ],
)
def test_nps_interval_is_the_adjusted_wald(
    sql: Any, promoters: int, detractors: int, answers: int, low: float, high: float
) -> None:
    # the same from the moments of the three outcomes, each with its added share of three answers
    weights = {
        1: promoters + 0.75,
        0: answers - promoters - detractors + 1.5,
        -1: detractors + 0.75,
    }
    outcome = stats.rv_discrete(
        values=(list(weights), [w / (answers + 3) for w in weights.values()])
    )
    reach = stats.norm.ppf(0.975) * outcome.std() / (answers + 3) ** 0.5
    ends = {"low": (low, outcome.mean() - reach), "high": (high, outcome.mean() + reach)}
    for side, (by_hand, known) in ends.items():
        found = number(sql.nps_bound(str(promoters), str(detractors), str(answers), side))
        assert found == pytest.approx(max(-100, min(100, 100 * known)), abs=1e-9)
        assert found == pytest.approx(by_hand, abs=0.2)
    assert number(sql.nps_bound("0", "0", "0", "low")) is None


@pytest.mark.parametrize("z", [-6.0, -1.96, -0.3, 0.0, 0.01, 1.0, 1.959964, 3.0, 5.5, 9.0, 20.0])
def test_normal_tails_are_scipys(sql: Any, z: float) -> None:
    assert number(sql.normal_two_sided_p(f"({z}e0)")) == pytest.approx(
        2 * stats.norm.sf(abs(z)), rel=2e-7
    )
    assert number(sql.normal_upper_tail(f"({z}e0)")) == pytest.approx(stats.norm.sf(z), rel=2e-7)


def test_t_quantiles_are_scipys(sql: Any) -> None:
    for degrees in (*range(1, 40), 100, 1_000, 100_000):
        assert number(sql.t_95(str(degrees))) == pytest.approx(
            stats.t.ppf(0.975, degrees), rel=2e-4
        )
    assert number(sql.t_95("0")) is None


def test_poisson_tails_are_scipys(sql: Any) -> None:
    for mean in (0.05, 0.5, 1.7, 4.0, 12.5, 60.0, 400.0, 5_000.0):
        for events in (5, 6, 8, 13, 20, 40, 75, 450, 5_100):
            if events <= mean or stats.poisson.sf(events - 1, mean) < 1e-100:
                continue
            assert number(sql.poisson_upper_tail(str(events), str(mean))) == pytest.approx(
                stats.poisson.sf(events - 1, mean), rel=0.01
            ), (events, mean)
    assert number(sql.poisson_upper_tail("4", "4")) == 1
    assert number(sql.poisson_upper_tail("4", "null")) is None
    assert number(sql.poisson_upper_tail("4", "0")) == 0


def test_q_values_are_benjamini_and_hochbergs(sql: Any) -> None:
    p = [0.5, 0.001, 0.04, 0.03, 0.03, 0.9, 0.002]
    rows = ", ".join(f"('a', {value}e0)" for value in p)
    found = duckdb.execute(f"""
        with tests as (
            select *, {sql.q_value_ratio("p", "week")} as ratio
            from (values {rows}, ('a', null), ('b', 0.2e0)) as tests (week, p)
        )
        select week, p, {sql.q_value("ratio", "p", "week")} from tests order by week, p
    """).fetchall()
    known = sorted(zip(p, cast("Any", stats.false_discovery_control(p)), strict=True))
    assert found == [
        *(("a", pytest.approx(one), pytest.approx(q)) for one, q in known),
        ("a", None, None),
        ("b", pytest.approx(0.2), pytest.approx(0.2)),
    ]
