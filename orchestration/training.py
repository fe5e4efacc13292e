"""Learning the match weights with Splink, on demand. Links nothing and publishes nothing.

The comparisons and their levels stand in `dbt_project.yml`, where the identity models read them
too; here they become a Splink model. What is learned goes to the seed `identity_weights`, so that
no run needs Splink and every change of a weight can be read in a diff.
"""

import copy
import csv
import hashlib
import importlib.util
import io
import json
import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import duckdb
import yaml

from orchestration import raw, settings
from orchestration.settings import PROJECT_ROOT, Settings

ASSET_KEY = dg.AssetKey(["identity_training", "weights"])
SEED = PROJECT_ROOT / "dbt_project" / "seeds" / "identity_weights.csv"
PRIORS, TERMS = "identity_priors", "identity_term_frequencies"
"""The seeds that are learned with the weights and written beside them."""
IDENTIFIERS = "vault.int_identity__identifiers"
PROFILES = "vault.int_identity__profiles"
"""As the identifiers, with more columns to compare; used when it is there."""

_STAND_IN = {"first_root": "first_name"}
"""What a column of the profiles is when there are only identifiers."""
_COLUMN = re.compile(r"\b([ab])\.(\w+)")
_ELSE = "else"
_SAMPLED_PAIRS, _SEED = 5_000_000, 1
_FEWEST_MATCHES = 20
"""With fewer pairs than this at a level, or in all, chance decides; the current weight stays."""
_FEWEST_RECORDS = 10
"""A name or place of fewer records is rare; how rare, they do not say."""
_DIGITS = 6
_SMOOTHING = 0.5
_ROUNDS, _AS_STRANGERS = 100, 20
"""Rounds of expectation maximisation; and how many pairs of two people of a home are taken to agree
as strangers do, before any is seen."""


class TrainingError(Exception):
    """Weights cannot be learned here; the message says why and what to do."""


@dataclass(frozen=True)
class Level:
    """One degree of agreement. `when` is SQL over the records a and b, None for all others."""

    name: str
    when: str | None
    term_frequency: str | None


@dataclass(frozen=True)
class Comparison:
    """A field or a few that are compared together; `known` says when there is something to."""

    name: str
    known: str
    levels: tuple[Level, ...]

    @property
    def columns(self) -> set[str]:
        """The columns of a record that it looks at."""
        conditions = [self.known, *(level.when or "" for level in self.levels)]
        named = {found[1] for text in conditions for found in _COLUMN.findall(text)}
        return named | {level.term_frequency for level in self.levels if level.term_frequency}


@dataclass(frozen=True)
class Plan:
    """What is compared and how it is learned, from `dbt_project.yml`."""

    comparisons: tuple[Comparison, ...]
    matches: tuple[tuple[str, ...], ...]
    matches_found_share: float
    blocks: tuple[tuple[str, ...], ...]
    strangers: tuple[str, ...]
    pairs: tuple[tuple[str, ...], ...]
    home: tuple[str, ...]
    home_shares: tuple[str, ...]

    @property
    def columns(self) -> set[str]:
        """All columns that training reads."""
        rules = {column for rule in (*self.matches, *self.blocks, *self.pairs) for column in rule}
        rules.update(self.home)
        return rules.union(*(comparison.columns for comparison in self.comparisons))

    @property
    def terms(self) -> tuple[str, ...]:
        """The columns in which rare values weigh more."""
        levels = (level for comparison in self.comparisons for level in comparison.levels)
        return tuple(
            dict.fromkeys(level.term_frequency for level in levels if level.term_frequency)
        )


@dataclass(frozen=True)
class Weight:
    """A row of the seed. Probabilities of the level, given that the comparison is known."""

    comparison: str
    level: str
    m_probability: float
    u_probability: float
    home_probability: float | None
    """Among two people of one home; None where people of a home are like any two."""

    @property
    def match_weight(self) -> float:
        """Bits for one person and against two strangers: log2(m / u)."""
        return math.log2(self.m_probability / self.u_probability)


@dataclass(frozen=True)
class Priors:
    """What two records are before they are looked at; the seed identity_priors."""

    matches_per_record: float
    """Other records of the same person that a record has on average."""
    matches_per_household_pair: float
    """Pairs of one person's records for each pair of two people of one home."""


class _Pattern(NamedTuple):
    """Pairs that agree at the same levels; `is_home` when they share what makes a home."""

    levels: tuple[int, ...]
    is_home: bool
    pairs: int


@dataclass(frozen=True)
class Trained:
    """What a training gave: the rows, what stayed as it was and why, and where the charts are."""

    version: str
    weights: tuple[Weight, ...]
    priors: Priors
    kept: tuple[str, ...]
    records: int
    reports: Path
    changes: str


def need_splink() -> None:
    """Raise TrainingError when the extra `train` is not installed."""
    missing = [name for name in ("splink", "vl_convert") if importlib.util.find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"Learning weights needs {' and '.join(missing)}, which a run does not; install the "
            "extra: pip install --constraint requirements.lock --editable '.[train]'"
        )


def load_plan(project: Path = PROJECT_ROOT / "dbt_project.yml") -> Plan:
    """Read comparisons and training rules.

    Raises TrainingError when a level stands where it can never hold or has no name of its own.
    """
    given = yaml.safe_load(project.read_text(encoding="utf-8"))["vars"]
    comparisons = tuple(
        Comparison(
            each["name"],
            each["known"],
            tuple(
                Level(level["level"], level.get("when"), level.get("term_frequency"))
                for level in each["levels"]
            ),
        )
        for each in given["identity_comparisons"]
    )
    for comparison in comparisons:
        names = [level.name for level in comparison.levels]
        open_ended = [level.name for level in comparison.levels if level.when is None]
        if len(names) < 2 or len(set(names)) < len(names) or open_ended != names[-1:]:
            raise TrainingError(
                f"identity_comparisons of {project.name}: the levels of {comparison.name} need two "
                "or more names, each once, and only the last goes without a condition."
            )
    training = given["identity_training"]
    return Plan(
        comparisons,
        tuple(map(tuple, training["matches"])),
        training["matches_found_share"],
        tuple(map(tuple, training["blocks"])),
        tuple(training["strangers"]),
        tuple(map(tuple, training["pairs"])),
        tuple(training["home"]),
        tuple(training["home_shares"]),
    )


def train(
    where: Settings,
    *,
    trained_from: str | None = None,
    sampled_pairs: int = _SAMPLED_PAIRS,
    seed_file: Path = SEED,
) -> Trained:
    """Learn the weights from the warehouse's records, write the seed and the reports.

    The same records give the same files. `trained_from` says in the seed what the records were;
    the clock is not read: `trained_on` is the newest loaded day. Raises TrainingError when Splink
    is not installed, or when there is nothing to learn from.
    """
    need_splink()
    day = raw.newest_loaded_day(where.raw)
    if day is None or not where.warehouse.exists():
        raise TrainingError(f"{where.home} holds no records yet: run `insights run` first.")
    plan = load_plan()
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"attach '{where.warehouse}' as warehouse (read_only)")
        records = load_records(connection, plan)
        connection.execute("detach warehouse")
        return learn(
            connection,
            plan,
            day,
            trained_from or f"{records:,} records",
            sampled_pairs=sampled_pairs,
            seed_file=seed_file,
            reports=where.reports / "identity",
        )


def load_records(connection: duckdb.DuckDBPyConnection, plan: Plan) -> int:
    """Copy what is compared from the attached `warehouse` to the table `records`.

    Returns the number of records. Raises TrainingError when a column is nowhere to be found.
    """
    known = {
        f"{schema}.{table}": set(columns)
        for schema, table, columns in connection.execute(
            "select schema_name, table_name, list(column_name) from duckdb_columns() "
            "where database_name = 'warehouse' group by all"
        ).fetchall()
    }
    source = PROFILES if PROFILES in known else IDENTIFIERS
    if source not in known:
        raise TrainingError(f"The warehouse has no {IDENTIFIERS}: run `insights run` first.")
    selected = {
        column: column if column in known[source] else _STAND_IN.get(column, column)
        for column in sorted(plan.columns)
    }
    if lacking := sorted(set(selected.values()) - known[source]):
        raise TrainingError(
            f"{source} has no column {', '.join(lacking)}, which dbt_project.yml compares."
        )
    columns = ", ".join(f"{column} as {name}" for name, column in selected.items())
    connection.execute(
        f"create or replace table records as select record_key as unique_id, {columns} "
        f"from warehouse.{source} order by record_key"
    )
    return int(connection.execute("select count(*) from records").fetchall()[0][0])


def learn(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    day: date,
    trained_from: str,
    *,
    sampled_pairs: int = _SAMPLED_PAIRS,
    seed_file: Path = SEED,
    reports: Path,
) -> Trained:
    """Learn from the table `records` of the connection; see `train`."""
    current = read_seed(seed_file)
    records = connection.execute("select count(*) from records").fetchall()[0][0]
    if records < 2:
        raise TrainingError("There are no two records to compare: load feeds of people first.")
    strangers = _strangers(connection, plan, records, sampled_pairs)
    compared = tuple(
        comparison for comparison in plan.comparisons if sum(strangers[comparison.name])
    )
    model = replace(plan, comparisons=compared)
    linker, skipped = _fit(connection, model, strangers)
    matched = _matched(connection, linker, model)

    kept = list(skipped)
    rows: dict[tuple[str, str], Weight] = {}
    for comparison in plan.comparisons:
        learned = _learned(comparison, linker, strangers, matched)
        for level, new in zip(comparison.levels, learned, strict=True):
            key = (comparison.name, level.name)
            if new is None:
                kept.append(f"{'.'.join(key)}: too few pairs to learn from")
            row = new or current.get(key)
            if row is not None:
                rows[key] = row
    priors, homes = _homes(connection, model, records, rows)
    weights = [replace(row, home_probability=homes.get(key)) for key, row in rows.items()]
    changes = _changes(weights, current)
    text = _rows(weights)
    terms = _terms(connection, plan)
    learned_files = {PRIORS: _priors_text(priors), TERMS: terms}
    digest = hashlib.md5("".join([text, *learned_files.values()]).encode(), usedforsecurity=False)
    version = f"{day}-{digest.hexdigest()[:8]}"
    folder = reports / version
    folder.mkdir(parents=True, exist_ok=True)
    _draw(linker, folder)
    (folder / "changes.csv").write_text(changes, encoding="utf-8")
    for name, content in learned_files.items():
        _write(seed_file.with_name(f"{name}.csv"), content)
    _write_seed(seed_file, text, version, day, trained_from)
    return Trained(version, tuple(weights), priors, tuple(kept), records, folder, changes)


def read_seed(path: Path) -> dict[tuple[str, str], Weight]:
    """The weights of a seed by comparison and level; none when there is no such file yet."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (row["comparison"], row["level"]): Weight(
                row["comparison"],
                row["level"],
                float(row["m_probability"]),
                float(row["u_probability"]),
                float(row["home_probability"]) if row["home_probability"] else None,
            )
            for row in csv.DictReader(file)
        }


def build_asset() -> dg.AssetsDefinition:
    """The weights as an asset that somebody materialises when the data has changed in kind."""

    @dg.asset(
        key=ASSET_KEY,
        group_name="identity",
        deps=[dg.AssetKey(["identity", IDENTIFIERS.partition(".")[2]])],
        description="Match weights of the identity station, learned with Splink from the "
        "warehouse's records into the seed identity_weights. On demand: no schedule, sensor or "
        "daily run makes it. Look at the comparison with the current weights before committing "
        "the seed. One row per comparison and level.",
        owners=["team:crm"],
        kinds={"splink", "duckdb"},
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(days=400)),
        required_resource_keys={"run_lock"},
        config_schema={"trained_from": dg.Field(str, default_value="")},
    )
    def identity_weights(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        try:
            trained = train(settings.load(), trained_from=context.op_config["trained_from"] or None)
        except TrainingError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        for sentence in trained.kept:
            context.log.warning(f"Kept as it was: {sentence}.")
        return dg.MaterializeResult(
            metadata={
                "version": trained.version,
                "records": trained.records,
                "kept": "; ".join(trained.kept),
                "reports": dg.MetadataValue.path(trained.reports),
                "changes": dg.MetadataValue.md(_as_table(trained.changes)),
            }
        )

    return identity_weights


def _level_number(comparison: Comparison) -> str:
    """SQL: the number of the level that two records a and b are at, -1 when not known."""
    whens = " ".join(
        f"when {level.when} then {number}"
        for number, level in enumerate(comparison.levels)
        if level.when is not None
    )
    last = len(comparison.levels) - 1
    return f"case when ({comparison.known}) is not true then -1 {whens} else {last} end"


def _strangers(
    connection: duckdb.DuckDBPyConnection, plan: Plan, records: int, pairs: int
) -> dict[str, list[int]]:
    """How many pairs of two random people are at each level of each comparison.

    Splink's own sample takes every random pair for two people. Of the pairs with the same e-mail
    address most are one person, so its u comes out twenty times too high; here pairs count only
    when their names differ. Each record meets the next ones in an order by digest: the same sample
    for the same records.
    """
    steps = min(max(pairs // records, 1), (records - 1) // 2 or 1)
    levels = ", ".join(
        f"{_level_number(comparison)} as l_{comparison.name}" for comparison in plan.comparisons
    )
    connection.execute(
        "create or replace temp table ordered as select *, "
        f"row_number() over (order by md5('{_SEED}' || unique_id), unique_id) - 1 as place "
        "from records"
    )
    connection.execute(
        f"create or replace temp table random_pairs as with paired as (select {levels} "
        f"from (select *, (place + step) % {records} as met from ordered "
        f"cross join (select unnest(range(1, {steps + 1})) as step)) as a "
        "inner join ordered as b on a.met = b.place) "
        "select *, count(*) as pairs from paired group by all"
    )
    apart = {
        comparison.name: f"l_{comparison.name} = {len(comparison.levels) - 1}"
        for comparison in plan.comparisons
        if comparison.name in plan.strangers
    }
    counts = {}
    for comparison in plan.comparisons:
        where = "true" if comparison.name in apart else " and ".join(apart.values()) or "true"
        counts[comparison.name] = _counts(connection, comparison, "random_pairs", where)
    return counts


def _counts(
    connection: duckdb.DuckDBPyConnection, comparison: Comparison, pairs: str, where: str
) -> list[int]:
    found = dict(
        connection.execute(
            f"select l_{comparison.name}, sum(pairs)::bigint from {pairs} where {where} group by 1"
        ).fetchall()
    )
    return [int(found.get(number, 0)) for number in range(len(comparison.levels))]


def _homes(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    records: int,
    rows: Mapping[tuple[str, str], Weight],
) -> tuple[Priors, dict[tuple[str, str], float | None]]:
    """How many pairs are one person and how many two of one home, and how the latter agree.

    People of a home share more than strangers do: a phone, an e-mail address, a birthday when they
    are twins. Nobody says which pairs they are, so each pair is shared out between one person, two
    strangers and, when it shares what makes a home, two people of it, as far as each explains it
    (expectation maximisation), beginning with people of a home who agree as strangers do. Where
    records know of no homes, or those are one person's, two strangers is what is left.
    """
    patterns = _patterns(connection, plan)
    every_pair = records * (records - 1) / 2
    telling = [n for n, each in enumerate(plan.comparisons) if each.name not in plan.home_shares]
    of_levels = [
        [rows.get((comparison.name, level.name)) for level in comparison.levels]
        for comparison in plan.comparisons
    ]
    # a level that nobody knows anything about tells nothing, and takes no share from the others
    m = [[row.m_probability if row else 1.0 for row in levels] for levels in of_levels]
    u = [[row.u_probability if row else 1.0 for row in levels] for levels in of_levels]
    home = [list(u[n] if n in telling else m[n]) for n in range(len(m))]
    fixed = [(_chance(m, each.levels), _chance(u, each.levels) * every_pair) for each in patterns]
    matches = homes = records / 2
    for _ in range(_ROUNDS):
        matched = matched_at_home = two_of_home = 0.0
        seen = [
            [_AS_STRANGERS * row.u_probability if row else 0.0 for row in levels]
            for levels in of_levels
        ]
        for each, (as_match, as_strangers) in zip(patterns, fixed, strict=True):
            one = matches * as_match
            two = homes * _chance(home, each.levels) if each.is_home else 0.0
            part = each.pairs / (one + two + as_strangers)
            matched += part * one
            if each.is_home:
                matched_at_home += part * one
                two_of_home += part * two
                for n in telling:
                    if each.levels[n] >= 0:
                        seen[n][each.levels[n]] += part * two
        matches = max(matched, _SMOOTHING)
        # what makes a home agrees in one person as in two of a home, or is as little known: of the
        # pairs without it, as many are of a home for each of one person
        per_home_pair = (matched_at_home or matched) / max(two_of_home, _SMOOTHING)
        homes = matches / max(per_home_pair, _SMOOTHING / records)
        for n in telling:
            # nobody chooses a home by disagreeing with those in it
            agree = [
                max(count / sum(seen[n]), share)
                for count, share in zip(seen[n][:-1], u[n][:-1], strict=True)
            ]
            known = sum(share for share, row in zip(agree, of_levels[n], strict=False) if row)
            home[n] = [*agree, max(1 - known, _SMOOTHING * u[n][-1])]
    learned = {
        (plan.comparisons[n].name, level.name): _rounded(share)
        for n in telling
        for level, share in zip(plan.comparisons[n].levels, home[n], strict=True)
    }
    priors = Priors(_rounded(2 * matches / records), _rounded(matches / homes))
    return priors, {
        key: learned.get(key, None if key[0] in plan.home_shares else row.home_probability)
        for key, row in rows.items()
    }


def _chance(shares: Sequence[Sequence[float]], levels: Sequence[int]) -> float:
    """How likely it is to agree at these levels, one of each comparison; -1 is not known."""
    found = (share[level] for share, level in zip(shares, levels, strict=True) if level >= 0)
    return math.prod(found)


def _patterns(connection: duckdb.DuckDBPyConnection, plan: Plan) -> list[_Pattern]:
    """How pairs agree that do so in any of `pairs` or `home`, and how many agree so."""
    rules = " union ".join(
        "select a.unique_id as a, b.unique_id as b from records as a inner join records as b on "
        + _agree(columns)
        + " and a.unique_id < b.unique_id"
        for columns in (*plan.pairs, plan.home)
    )
    levels = ", ".join(
        f"{_level_number(comparison)} as l_{comparison.name}" for comparison in plan.comparisons
    )
    rows = connection.execute(
        f"select {levels}, coalesce({_agree(plan.home)}, false) as is_home, count(*) "
        f"from ({rules}) as pairs "
        "inner join records as a on pairs.a = a.unique_id "
        "inner join records as b on pairs.b = b.unique_id group by all order by all"
    ).fetchall()
    return [_Pattern(tuple(levels), is_home, pairs) for *levels, is_home, pairs in rows]


def _agree(columns: Sequence[str]) -> str:
    return " and ".join(f"a.{column} = b.{column}" for column in columns)


def _terms(connection: duckdb.DuckDBPyConnection, plan: Plan) -> str:
    """The seed of term frequencies: values that many records share, the commonest first."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["term_column", "term", "share"])
    for column in sorted(plan.terms):
        rows = connection.execute(
            f"select {column}, count(*) / sum(count(*)) over () from records "
            f"where {column} is not null group by 1 "
            f"qualify count(*) >= {_FEWEST_RECORDS} order by 2 desc, 1"
        ).fetchall()
        writer.writerows([column, term, _rounded(share)] for term, share in rows)
    return file.getvalue()


def _priors_text(priors: Priors) -> str:
    rows = "".join(f"{name},{value}\n" for name, value in asdict(priors).items())
    return f"prior,value\n{rows}"


def _fit(
    connection: duckdb.DuckDBPyConnection, plan: Plan, strangers: Mapping[str, Sequence[int]]
) -> tuple[Any, list[str]]:
    """Splink's linker with m estimated, and what was skipped.

    u is given; m comes from one round of expectation maximisation for each block, in which the
    comparisons that look at the block's columns rest.
    """
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.CRITICAL)
    blocks: list[Any] = [block_on(*columns) for columns in plan.blocks]
    settings_creator = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            _splink_comparison(comparison, strangers[comparison.name])
            for comparison in plan.comparisons
        ],
        blocking_rules_to_generate_predictions=blocks,
        retain_matching_columns=True,
        retain_intermediate_calculation_columns=True,
    )
    linker = Linker(DuckDBAPI(connection).register("records"), settings_creator, log_level=None)
    skipped = []
    try:
        linker.training.estimate_probability_two_random_records_match(
            [block_on(*columns) for columns in plan.matches], recall=plan.matches_found_share
        )
    except ValueError:
        skipped.append("matches: more certain matches than matches_found_share allows")
    for columns, block in zip(plan.blocks, blocks, strict=True):
        agreeing = " and ".join(f"a.{column} = b.{column}" for column in columns)
        pairs = connection.execute(
            f"select count(*) from records as a inner join records as b on {agreeing} "
            "and a.unique_id < b.unique_id"
        ).fetchall()[0][0]
        if pairs < _FEWEST_MATCHES:
            skipped.append(f"block {', '.join(columns)}: only {pairs} pairs agree")
            continue
        if not _maximised(linker, block):
            skipped.append(f"block {', '.join(columns)}: expectation maximisation found no answer")
    return linker, skipped


def _maximised(linker: Any, block: Any) -> bool:
    """Estimate m among the pairs of a block; False when that cannot be done.

    Where all pairs of a block are one person, Splink takes that for certain and fails on a weight
    without end; then the share of matches in the block stays what the model expects.
    """
    from splink.internals.exceptions import SplinkException

    # a failed estimation leaves the linker without the comparisons that it had put aside
    before = copy.deepcopy(linker._settings_obj)
    for is_fixed in (False, True):
        try:
            linker.training.estimate_parameters_using_expectation_maximisation(
                block,
                estimate_without_term_frequencies=True,
                fix_probability_two_random_records_match=is_fixed,
            )
        except (SplinkException, ValueError):
            linker._settings_obj = copy.deepcopy(before)
            continue
        return True
    return False


def _splink_comparison(comparison: Comparison, strangers: Sequence[int]) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {
            "sql_condition": f"({_both_sides(comparison.known)}) is not true",
            "label_for_charts": "not known",
            "is_null_level": True,
        }
    ]
    for level, chance in zip(comparison.levels, _shares(strangers), strict=True):
        levels.append(
            {
                "sql_condition": "ELSE" if level.when is None else _both_sides(level.when),
                "label_for_charts": level.name,
                "u_probability": chance,
                **({"tf_adjustment_column": level.term_frequency} if level.term_frequency else {}),
            }
        )
    return {"output_column_name": comparison.name, "comparison_levels": levels}


def _both_sides(condition: str) -> str:
    """`a.x = b.x` as Splink says it: `x_l = x_r`."""
    return _COLUMN.sub(lambda found: f"{found[2]}_{'l' if found[1] == 'a' else 'r'}", condition)


def _matched(
    connection: duckdb.DuckDBPyConnection, linker: Any, plan: Plan
) -> dict[str, list[float]]:
    """How many pairs that the model takes for one person are at each level."""
    predicted = linker.inference.predict(warning_mode="never")
    counts = {}
    for comparison in plan.comparisons:
        last = len(comparison.levels) - 1
        found = dict(
            connection.execute(
                f"select {last} - gamma_{comparison.name}, sum(match_probability) "
                f"from {predicted.physical_name} group by 1"
            ).fetchall()
        )
        counts[comparison.name] = [float(found.get(number, 0)) for number in range(last + 1)]
    predicted.drop_table_from_database_and_remove_from_cache()
    return counts


def _learned(
    comparison: Comparison,
    linker: Any,
    strangers: Mapping[str, Sequence[int]],
    matched: Mapping[str, Sequence[float]],
) -> list[Weight | None]:
    """The weights of a comparison's levels, None for those that stay as they are."""
    name = comparison.name
    if name not in matched or sum(matched[name]) < _FEWEST_MATCHES:
        return [None] * len(comparison.levels)
    model = linker.misc.save_model_to_json()
    (levels,) = [
        each["comparison_levels"]
        for each in model["comparisons"]
        if each["output_column_name"] == name
    ]
    # Splink says in words which level it never met, and nothing where it estimated nothing
    said = [level.get("m_probability") for level in levels if not level.get("is_null_level")]
    estimated = [value if isinstance(value, float) else 0.0 for value in said]
    # as if every level had been seen half a time more: no weight without end
    total = sum(matched[name])
    share = total / (total + _SMOOTHING * len(estimated))
    spread = _SMOOTHING / (total + _SMOOTHING * len(estimated))
    rows: list[Weight | None] = []
    for number, (level, m, u) in enumerate(
        zip(comparison.levels, estimated, _shares(strangers[name]), strict=True)
    ):
        if not any(said) or not matched[name][number] + strangers[name][number]:
            rows.append(None)
            continue
        rows.append(_weight(name, level.name, m * share + spread, u))
    return rows


def _weight(comparison: str, level: str, m: float, u: float) -> Weight:
    """A weight in the precision of the seed, so that a training and its seed say the same."""
    return Weight(comparison, level, _rounded(m), _rounded(u), None)


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) + _SMOOTHING * len(counts)
    return [(count + _SMOOTHING) / total for count in counts]


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _rows(weights: Sequence[Weight]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for weight in weights:
        writer.writerow(
            [
                weight.comparison,
                weight.level,
                weight.m_probability,
                weight.u_probability,
                "" if weight.home_probability is None else weight.home_probability,
                f"{weight.match_weight:.3f}",
            ]
        )
    return file.getvalue()


def _write_seed(path: Path, rows: str, version: str, day: date, trained_from: str) -> None:
    header = (
        "comparison,level,m_probability,u_probability,home_probability,match_weight,"
        "version,trained_on,trained_from\n"
    )
    end = io.StringIO()
    csv.writer(end, lineterminator="").writerow([version, day, trained_from])
    text = header + "".join(f"{row},{end.getvalue()}\n" for row in rows.splitlines())
    _write(path, text)


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _changes(weights: Sequence[Weight], current: Mapping[tuple[str, str], Weight]) -> str:
    """The new weights beside the current ones, as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["comparison", "level", "current_weight", "new_weight", "difference"])
    new = {(weight.comparison, weight.level): weight for weight in weights}
    for key in dict.fromkeys([*new, *current]):
        pair = [each.get(key) for each in (current, new)]
        said = [f"{weight.match_weight:.3f}" if weight else "" for weight in pair]
        before, after = pair
        moved = after.match_weight - before.match_weight if before and after else None
        writer.writerow([*key, *said, "" if moved is None else f"{moved:.3f}"])
    return file.getvalue()


def _as_table(text: str) -> str:
    """CSV as a Markdown table."""
    header, *rows = csv.reader(text.splitlines())
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _draw(linker: Any, folder: Path) -> None:
    """Splink's pictures of the model as SVG: no script, no font and no value from elsewhere."""
    import vl_convert

    charts = {
        "match_weights": linker.visualisations.match_weights_chart,
        "m_and_u": linker.visualisations.m_u_parameters_chart,
        "unlinkables": linker.evaluation.unlinkables_chart,
    }
    for name, chart in charts.items():
        drawn = vl_convert.vegalite_to_svg(json.dumps(chart().chart_dict))
        (folder / f"{name}.svg").write_text(drawn, encoding="utf-8")
