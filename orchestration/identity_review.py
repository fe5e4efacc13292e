"""Identity run again from nothing, in a scratch home: with other rules, or with none changed.

With other rules it is a rehearsal: who would be merged and who split (`insights what-if`). With the
same rules it is a proof: what was carried from run to run must be what one rebuild of everything
gives (the asset `identity/review`). Nothing of the home is written; the clusters are made by the
same models as in a run.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import yaml

from orchestration import raw, runs, settings, training, transform
from orchestration.progress import counted
from orchestration.settings import Settings

ASSET_KEY = dg.AssetKey(["identity", "review"])
CHECK = "review_is_what_is_published"

CLUSTERS = "int_identity__clusters"
IDENTIFIERS = "int_identity__identifiers"
TOUCHED = "int_identity__touched_records"
WEIGHTS, OVERRIDES = "identity_weights", "identity_overrides"
OVERRIDE_KINDS = ("always_link", "never_link")

WEEKLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=8))
_WAIT_SECONDS, _WAITS = 600, 12


class ReviewError(Exception):
    """Identity could not be run again; the message says why."""


@dataclass(frozen=True)
class Change:
    """One cluster that would be joined of several, or fall into several.

    `parts` are the clusters it is joined of, by customer_id, or falls into, by smallest record;
    each with its number of records. `rule` and `weight` are those of the strongest pair between
    two parts; None where no such pair was compared.
    """

    whole: str
    record_count: int
    parts: tuple[tuple[str, int], ...]
    rule: str | None
    weight: float | None


@dataclass(frozen=True)
class Difference:
    """How the clusters of the scratch differ from those of the warehouse."""

    record_count: int
    clusters_now: int
    clusters_then: int
    largest_now: int
    largest_then: int
    unchanged_count: int
    unmatched_count: int
    merge_count: int
    split_count: int
    merges: tuple[Change, ...] = ()
    splits: tuple[Change, ...] = ()

    @property
    def is_none(self) -> bool:
        """Whether both are the same partition of the same records."""
        return self.unchanged_count == self.record_count and not self.unmatched_count

    @property
    def changed_count(self) -> int:
        """Records whose cluster differs, or which only one of both has."""
        return self.record_count - self.unchanged_count + self.unmatched_count

    def lines(self) -> Iterator[str]:
        """The difference in plain text."""
        clusters = self.clusters_then - self.clusters_now
        share = self.unchanged_count / max(self.record_count, 1)
        yield f"records    {self.record_count:,}"
        yield f"clusters   {self.clusters_now:,} now, {self.clusters_then:,} then ({clusters:+,})"
        yield f"largest    {counted(self.largest_now, 'record')} now, {self.largest_then:,} then"
        # never 100 % of all but one
        rounded = int(share * 1000) / 10
        yield f"unchanged  {counted(self.unchanged_count, 'record')} ({rounded} %)"
        yield f"merges     {self.merge_count:,}"
        yield f"splits     {self.split_count:,}"
        if self.unmatched_count:
            yield (
                f"and {counted(self.unmatched_count, 'record')} only one of both has: the last run "
                "did not finish identity"
            )
        if self.merges:
            yield ""
            yield _headed("Merges", len(self.merges), self.merge_count)
            for change in self.merges:
                parts = " + ".join(f"{name} ({count})" for name, count in change.parts)
                yield f"  {parts} to one of {change.record_count}{_by(change)}"
        if self.splits:
            yield ""
            yield _headed("Splits", len(self.splits), self.split_count)
            for change in self.splits:
                parts = " + ".join(f"{count} with {name}" for name, count in change.parts)
                yield f"  {change.whole} ({change.record_count}) to {parts}{_by(change)}"


@dataclass(frozen=True)
class Rehearsal:
    """What came of identity with other rules."""

    difference: Difference
    notes: tuple[str, ...]


def what_if(
    where: Settings,
    *,
    variables: Mapping[str, Any] | None = None,
    weights: Path | None = None,
    overrides: Path | None = None,
    changes_to: Path | None = None,
    shown: int = 10,
) -> Rehearsal:
    """Run identity with other rules in a scratch home and compare its clusters with today's.

    `variables` stand in for those of `dbt_project.yml`, the two files for the seeds of their names;
    priors and term frequencies that a training wrote beside its weights go with them.
    Every record whose cluster differs is written to `changes_to`, as CSV. Raises ReviewError,
    before anything is built, for rules that cannot be used, and runs.AlreadyRunning while a run
    writes the home.
    """
    if changes_to is not None and not changes_to.absolute().parent.is_dir():
        raise ReviewError(f"{changes_to} cannot be written: there is no such folder.")
    files = {WEIGHTS: weights, OVERRIDES: overrides}
    if weights is not None:
        for name in (training.PRIORS, training.TERMS):
            beside = weights.with_name(f"{name}.csv")
            files[name] = beside if beside.is_file() else None
    given = {name: path for name, path in files.items() if path is not None}
    with _rebuilt(where, variables or {}, given) as (connection, notes):
        difference = compare(connection, shown)
        if changes_to is not None:
            _write_changes(connection, changes_to)
        return Rehearsal(difference, notes)


def parse_variables(texts: Sequence[str]) -> dict[str, Any]:
    """`NAME=VALUE`, with the value as YAML or JSON, of the rules of identity.

    Raises ReviewError for a name that is no such rule and a value of another kind.
    """
    rules = {
        name: value
        for name, value in settings.project_variables().items()
        if name.startswith("identity_")
    }
    parsed = {}
    for text in texts:
        name, separator, written = text.partition("=")
        if not separator or name not in rules:
            raise ReviewError(
                f"'{text}' is not NAME=VALUE with one of the rules of identity in "
                f"dbt_project.yml: {', '.join(rules)}."
            )
        try:
            value = yaml.safe_load(written)
        except yaml.YAMLError:
            value = None
        if not _is_alike(value, rules[name]):
            raise ReviewError(
                f"{name} cannot be '{written}'; write it as in dbt_project.yml, for example "
                f"'{name}={_example(rules[name])}'."
            )
        parsed[name] = value
    tiers = parsed.get("identity_tiers", [])
    if tiers != sorted(tiers, reverse=True):
        raise ReviewError("identity_tiers goes from the strongest to the weakest, as in [8, 4, 2].")
    return parsed


def build_asset() -> dg.AssetsDefinition:
    """The weekly proof that carrying identity from run to run loses nothing."""

    @dg.asset(
        key=ASSET_KEY,
        group_name="identity",
        deps=[dg.AssetKey(["identity", CLUSTERS])],
        description="Identity rebuilt from nothing in a scratch home, and compared with the "
        "clusters that the daily runs carried on. Writes nothing but its findings.",
        owners=["team:data-platform"],
        kinds={"duckdb"},
        freshness_policy=WEEKLY,
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=ASSET_KEY,
                description="The clusters of the daily runs are those of a rebuild.",
                blocking=True,
            )
        ],
        op_tags={"station": "identity"},
    )
    def review(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        where = settings.load()
        try:
            with _rebuilt(where, {}, {}) as (connection, _):
                difference = compare(connection)
                health = measure(connection)
        except runs.AlreadyRunning as busy:
            # it has the whole night; the daily run has not
            raise dg.RetryRequested(_WAITS, _WAIT_SECONDS) from busy
        except ReviewError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        sentence = verdict(difference)
        if not difference.is_none:
            context.log.warning(sentence)
        yield dg.MaterializeResult(
            metadata=health,
            check_results=[
                dg.AssetCheckResult(
                    check_name=CHECK,
                    passed=difference.is_none,
                    metadata={
                        "findings": dg.MetadataValue.md(sentence),
                        "merges": difference.merge_count,
                        "splits": difference.split_count,
                        "records_unchanged": difference.unchanged_count,
                    },
                )
            ],
        )

    return review


def verdict(difference: Difference) -> str:
    """What the weekly comparison says, in one sentence or two."""
    if difference.is_none:
        return (
            f"A rebuild gives the same {counted(difference.clusters_now, 'cluster')} of "
            f"{counted(difference.record_count, 'record')}."
        )
    return (
        f"identity.{CLUSTERS}: a rebuild gives other clusters than the daily runs: "
        f"{counted(difference.merge_count, 'merge')} and "
        f"{counted(difference.split_count, 'split')}, {difference.changed_count:,} of "
        f"{counted(difference.record_count, 'record')} concerned. Nothing was changed. "
        "`insights what-if` lists them. When rules changed since the last run, the next run brings "
        "that; else rebuild with `insights run --full-refresh`."
    )


def compare(connection: duckdb.DuckDBPyConnection, shown: int = 0) -> Difference:
    """Compare the clusters of the scratch with those copied from the warehouse.

    Also leaves the work tables `matched` and `meetings` for the connection. Lists the `shown`
    largest merges and splits.
    """
    connection.execute(
        f"""
        create or replace temp table matched as
        select
            record_key,
            now.cluster_key as cluster_now,
            rebuilt.cluster_key as cluster_then,
            now.customer_id
        from now.clusters as now
        inner join identity.{CLUSTERS} as rebuilt using (record_key);

        create or replace temp table meetings as
        select
            *,
            count(*) over (partition by cluster_now) as parts_then,
            count(*) over (partition by cluster_then) as parts_now
        from (
            select cluster_now, cluster_then, min(record_key) as record_key, count(*) as records,
                coalesce(min(customer_id), cluster_now) as customer
            from matched
            group by cluster_now, cluster_then
        ) as counted
        """
    )
    ((records, clusters_now, clusters_then, unchanged, merges, splits),) = connection.execute(
        """
        select
            coalesce(sum(records), 0)::bigint,
            count(distinct cluster_now),
            count(distinct cluster_then),
            coalesce(sum(records) filter (parts_then = 1 and parts_now = 1), 0)::bigint,
            count(distinct cluster_then) filter (parts_now > 1),
            count(distinct cluster_now) filter (parts_then > 1)
        from meetings
        """
    ).fetchall()
    ((largest_now, largest_then, unmatched),) = connection.execute(
        f"""
        with sizes as (
            select
                count(*) over (partition by cluster_now) as now,
                count(*) over (partition by cluster_then) as then_
            from matched
        )
        select
            coalesce(max(now), 0),
            coalesce(max(then_), 0),
            (select count(*) from now.clusters) + (select count(*) from identity.{CLUSTERS})
            - 2 * count(*)
        from sizes
        """
    ).fetchall()
    return Difference(
        record_count=records,
        clusters_now=clusters_now,
        clusters_then=clusters_then,
        largest_now=largest_now,
        largest_then=largest_then,
        unchanged_count=unchanged,
        unmatched_count=unmatched,
        merge_count=merges,
        split_count=splits,
        merges=_changes(connection, "cluster_then", "cluster_now", "customer", shown),
        splits=_changes(connection, "cluster_now", "cluster_then", "record_key", shown),
    )


def measure(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """How healthy identity is: counts, as metadata by name. Of the scratch, after `compare`."""
    variables = settings.project_variables()
    review, threshold = variables["identity_review_weight"], variables["identity_tiers"][-1]
    ((records, clusters, singletons, largest),) = connection.execute(
        f"""
        select coalesce(sum(n), 0)::bigint, count(*), count_if(n = 1), coalesce(max(n), 0)
        from (select count(*) as n from identity.{CLUSTERS} group by cluster_key) as sizes
        """
    ).fetchall()
    ((blocked,),) = connection.execute(
        "select count(*) from vault.int_identity__shared_values where is_shared"
    ).fetchall()
    pairs = connection.execute(
        f"""
        with clusters as (
            select profiles.record_no, clusters.cluster_key
            from identity.{CLUSTERS} as clusters
            inner join vault.int_identity__profiles as profiles using (record_key)
        )
        select
            scores.rule,
            count_if(one.cluster_key = other.cluster_key) as links,
            count_if(
                one.cluster_key <> other.cluster_key
                and scores.match_weight >= {review} and scores.match_weight < {threshold}
            ) as to_review
        from identity.int_identity__scores as scores
        inner join clusters as one on scores.a = one.record_no
        inner join clusters as other on scores.b = other.record_no
        group by scores.rule
        order by scores.rule
        """
    ).fetchall()
    return {
        "records": records,
        "clusters": clusters,
        "singletons": singletons,
        "largest_cluster": largest,
        "pairs_to_review": sum(to_review for _, _, to_review in pairs),
        "blocked_values": blocked,
        **{f"links_by_{rule}": links for rule, links, _ in pairs},
    }


@contextlib.contextmanager
def _rebuilt(
    where: Settings, variables: Mapping[str, Any], seeds: Mapping[str, Path]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, tuple[str, ...]]]:
    """A scratch warehouse with identity built from nothing, and today's clusters in `now`.

    The home is held only while identifiers and seeds are copied. The scratch lies in the system's
    folder for temporary files, is readable by its owner alone, and goes when it is left.
    """
    if not where.warehouse.is_file():
        raise ReviewError(f"There is no warehouse in {where.home} yet: run `insights run` first.")
    models, inputs = parts(transform.load_manifest())
    with tempfile.TemporaryDirectory(prefix="insights-what-if-") as folder:
        scratch = replace(where, home=Path(folder))
        with runs.reading(where):
            _copy(where, scratch, inputs)
        with duckdb.connect(str(scratch.warehouse)) as connection:
            notes = _lay_out(connection, seeds, variables)
        outcome = transform.invoke(
            scratch,
            raw.newest_loaded_day(where.raw) or runs.FIRST_DAY,
            ["run", "--full-refresh", "--select", *models],
            variables=variables,
        )
        if not outcome.success:
            raise ReviewError(
                f"Identity cannot be run this way: {transform.failure_reason(outcome)}. "
                "Nothing was changed."
            )
        with duckdb.connect(str(scratch.warehouse)) as connection:
            yield connection, notes


def parts(manifest: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The models from identifiers to clusters, as dbt selects them, and the tables they read."""
    by_name = {node["name"]: name for name, node in manifest["nodes"].items()}
    found, todo = {by_name[CLUSTERS]}, [by_name[CLUSTERS]]
    inputs = set()
    while todo:
        for parent in manifest["parent_map"][todo.pop()]:
            node = manifest["nodes"].get(parent)
            if node is None:
                continue
            if node["resource_type"] == "seed" or node["name"] in (IDENTIFIERS, TOUCHED):
                inputs.add(f"{node['schema']}.{node['name']}")
            elif parent not in found:
                found.add(parent)
                todo.append(parent)
    selected = (f"fqn:{'.'.join(manifest['nodes'][name]['fqn'])}" for name in found)
    return sorted(selected), sorted(inputs)


def _copy(where: Settings, scratch: Settings, inputs: Sequence[str]) -> None:
    """What identity starts on and what it came to, out of the warehouse into the scratch."""
    with duckdb.connect() as connection:
        try:
            connection.execute(f"attach '{_quoted(where.warehouse)}' as warehouse (read_only)")
        except duckdb.Error as error:
            raise ReviewError(
                f"The warehouse {where.warehouse} cannot be opened: another program has it open. "
                "Close that and try again."
            ) from error
        connection.execute(f"attach '{_quoted(scratch.warehouse)}' as scratch")
        # what is read may be a view, whose query names its tables as the warehouse itself does
        connection.execute("use warehouse")
        try:
            for relation in inputs:
                schema, _, _ = relation.partition(".")
                connection.execute(f"create schema if not exists scratch.{schema}")
                connection.execute(f"create table scratch.{relation} as from {relation}")
            connection.execute("create schema scratch.now")
            connection.execute(
                f"""
                create table scratch.now.clusters as
                select clusters.record_key, clusters.cluster_key, records.customer_id
                from identity.{CLUSTERS} as clusters
                left join identity.customer_records as records
                    on clusters.record_key = records.source || ':' || records.source_record_id
                    and records.valid_to is null
                """
            )
        except duckdb.CatalogException as error:
            raise ReviewError(
                f"The warehouse of {where.home} holds no customers yet: run `insights run` first."
            ) from error


def _lay_out(
    connection: duckdb.DuckDBPyConnection,
    seeds: Mapping[str, Path],
    variables: Mapping[str, Any],
) -> tuple[str, ...]:
    """Put the given files in the place of the seeds; what to bear in mind about them."""
    for name, path in seeds.items():
        _load(connection, name, path)
    if WEIGHTS in seeds:
        _check_weights(connection, seeds[WEIGHTS], variables)
    return _check_overrides(connection, seeds[OVERRIDES]) if OVERRIDES in seeds else ()


def _load(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """A CSV file as a seed: the columns and types of the seed it stands in for."""
    table = f"seeds.{name}"
    ((is_empty,),) = connection.execute(f"select count(*) = 0 from {table}").fetchall()
    kinds = {
        # of a seed without rows dbt knows no types
        column: "VARCHAR" if is_empty or name == OVERRIDES else kind
        for column, kind, *_ in connection.execute(f"describe {table}").fetchall()
    }
    try:
        connection.execute(
            f"create or replace temp table given as from read_csv('{_quoted(path)}', "
            "header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')"
        )
    except duckdb.Error as error:
        raise ReviewError(
            f"{path} cannot be read: it must be a CSV file with the columns {', '.join(kinds)}."
        ) from error
    has = {column for column, *_ in connection.execute("describe given").fetchall()}
    if missing := [column for column in kinds if column not in has]:
        raise ReviewError(f"{path} lacks the columns {', '.join(missing)}.")
    for column, kind in kinds.items():
        wrong = connection.execute(
            f"select rowid + 2, {column} from given "
            f"where {column} is not null and try_cast({column} as {kind}) is null limit 1"
        ).fetchall()
        for line, value in wrong:
            raise ReviewError(f"{path}:{line}: {column} '{value}' is not a {kind.lower()}.")
    columns = ", ".join(f"cast({column} as {kind}) as {column}" for column, kind in kinds.items())
    connection.execute(f"create or replace table {table} as select {columns} from given")


def _check_weights(
    connection: duckdb.DuckDBPyConnection, path: Path, variables: Mapping[str, Any]
) -> None:
    comparisons = {**settings.project_variables(), **variables}["identity_comparisons"]
    expected = {
        (comparison["name"], level["level"])
        for comparison in comparisons
        for level in comparison["levels"]
    }
    rows = connection.execute(
        f"select comparison, level, m_probability, u_probability from seeds.{WEIGHTS}"
    ).fetchall()
    found = [(comparison, level) for comparison, level, *_ in rows]
    for what, wrong in (
        ("lacks", expected - set(found)),
        ("names unknown", set(found) - expected),
        ("says twice", {each for each in found if found.count(each) > 1}),
    ):
        if wrong:
            named = ", ".join(f"{comparison} {level}" for comparison, level in sorted(wrong))
            raise ReviewError(f"{path} {what}: {named}.")
    for comparison, level, *probabilities in rows:
        if not all(each is not None and 0 < each <= 1 for each in probabilities):
            raise ReviewError(
                f"{path}: the probabilities of {comparison} {level} must lie above 0 and be 1 at "
                "most."
            )


def _check_overrides(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, ...]:
    rows = connection.execute(f"select distinct kind from seeds.{OVERRIDES}").fetchall()
    for (kind,) in rows:
        if kind not in OVERRIDE_KINDS:
            raise ReviewError(f"{path}: kind '{kind}' is not one of {', '.join(OVERRIDE_KINDS)}.")
    ((strays,),) = connection.execute(
        f"""
        select count(*)
        from seeds.{OVERRIDES} as overrides
        left join now.clusters as one
            on overrides.source_a || ':' || overrides.source_record_id_a = one.record_key
        left join now.clusters as other
            on overrides.source_b || ':' || overrides.source_record_id_b = other.record_key
        where one.record_key is null or other.record_key is null
        """
    ).fetchall()
    if not strays:
        return ()
    return (
        f"{path}: {counted(strays, 'override')} without effect: a record it names is in no feed.",
    )


def _changes(
    connection: duckdb.DuckDBPyConnection, whole: str, part: str, name: str, shown: int
) -> tuple[Change, ...]:
    """The largest clusters by `whole` that are several by `part`."""
    if not shown:
        return ()
    rows = connection.execute(
        f"""
        with largest as (
            select
                {whole} as whole,
                min(customer) as customer,
                sum(records)::bigint as records,
                list({name} order by records desc, {name}) as names,
                list(records order by records desc, {name}) as counts
            from meetings
            group by {whole}
            having count(*) > 1
            order by records desc, whole
            limit {shown}
        ),
        members as (
            select profiles.record_no, matched.{whole} as whole, matched.{part} as part
            from matched
            inner join vault.int_identity__profiles as profiles using (record_key)
            where matched.{whole} in (select whole from largest)
        ),
        strongest as (
            select one.whole, scores.rule, scores.match_weight
            from identity.int_identity__scores as scores
            inner join members as one on scores.a = one.record_no
            inner join members as other on scores.b = other.record_no
            where one.whole = other.whole and one.part <> other.part
            qualify row_number() over (
                partition by one.whole order by scores.match_weight desc, scores.a, scores.b
            ) = 1
        )
        select customer, records, names, counts, rule, match_weight
        from largest
        left join strongest using (whole)
        order by records desc, whole
        """
    ).fetchall()
    return tuple(
        Change(customer, records, tuple(zip(names, counts, strict=True)), rule, weight)
        for customer, records, names, counts, rule, weight in rows
    )


def _write_changes(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Every record of a cluster that differs: its customer and cluster now, its cluster then."""
    connection.execute(
        f"""
        copy (
            select
                matched.record_key,
                matched.customer_id,
                matched.cluster_now as cluster_key_now,
                matched.cluster_then as cluster_key_then
            from matched
            inner join meetings using (cluster_now, cluster_then)
            where meetings.parts_now > 1 or meetings.parts_then > 1
            order by matched.cluster_then, matched.cluster_now, matched.record_key
        ) to '{_quoted(path)}' (format csv, header)
        """
    )


def _is_alike(value: Any, rule: Any) -> bool:
    """Whether a value could stand where a rule stands: the same kind, and no empty list."""
    if isinstance(rule, bool) or isinstance(value, bool):
        return type(value) is type(rule)
    if isinstance(rule, int | float):
        return isinstance(value, int | float)
    if isinstance(rule, list):
        return (
            isinstance(value, list)
            and (bool(value) or all(isinstance(each, str) for each in rule))
            and all(_is_alike(each, rule[0]) for each in value)
        )
    return isinstance(value, type(rule))


def _example(rule: Any) -> str:
    text = yaml.safe_dump(rule, default_flow_style=True, width=10_000)
    return re.sub(r"\n(?:\.\.\.\n)?$", "", text)


def _headed(what: str, shown: int, count: int) -> str:
    return what if shown == count else f"{what}, the {shown} largest of {count:,}"


def _by(change: Change) -> str:
    if change.rule is None:
        return "; no two records of the parts were compared"
    return f"; strongest between them: {change.rule} {change.weight:+.1f}"


def _quoted(text: object) -> str:
    return str(text).replace("'", "''")
