"""Why one customer is one: its records, the links that hold them together, and what was close.

Reads the warehouse and decides nothing: levels, weights and clusters are those of the identity
models. What a link says of two records is told as levels of agreement, never as values, unless the
caller asks for the values.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from orchestration import feeds, runs, settings
from orchestration.progress import counted
from orchestration.settings import Settings

CLOSE_SHOWN = 5
"""How many other customers are shown as close."""

_COLUMN = re.compile(r"\b[ab]\.(\w+)")
_NO_IDENTITY = "The warehouse of {home} holds no customers yet: run `insights run` first."


class ExplanationError(Exception):
    """Nobody can be explained; the message says why and what to do instead."""


@dataclass(frozen=True)
class Record:
    """A source record, and by what it is part of its customer."""

    key: str
    customer_id: str
    rule: str
    weight: float | None
    since: Any
    loyalty_id: str | None = None
    is_nameless: bool = False
    identifiers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Agreement:
    """How two records agree in one comparison; weights in bits."""

    level: str
    stranger_weight: float
    household_weight: float


@dataclass(frozen=True)
class Pair:
    """Two records that were compared."""

    a: str
    b: str
    rule: str
    weight: float
    agreements: Mapping[str, Agreement]

    def other(self, key: str) -> str:
        """The record that is not `key`."""
        return self.b if key == self.a else self.a


@dataclass(frozen=True)
class Rules:
    """By which records are joined: what `dbt_project.yml` and the weights say."""

    comparisons: Sequence[Mapping[str, Any]]
    threshold: float
    review: float
    conflicts: Sequence[str]
    size: int
    prior: float
    household_prior: float

    def level_name(self, comparison: str, level: int) -> str:
        """The name of a level by its number; the last stands for no agreement at all."""
        levels = next(each for each in self.comparisons if each["name"] == comparison)["levels"]
        name = str(levels[level]["level"])
        return "differs" if name == "else" else name.replace("_", " ")

    def weight_of(self, pairs: Iterable[Pair]) -> float | None:
        """What all pairs of two groups say together: the best of each comparison, in bits.

        As the macro match_weight: log2(p(same) / (p(strangers) + p(household))). None when no two
        records of the groups were compared.
        """
        best: dict[str, tuple[float, float]] = {}
        are_compared = False
        for pair in pairs:
            are_compared = True
            for name, agreement in pair.agreements.items():
                one, other = best.get(name, (-math.inf, -math.inf))
                best[name] = (
                    max(one, agreement.stranger_weight),
                    max(other, agreement.household_weight),
                )
        if not are_compared:
            return None
        sums = (
            self.prior + sum(one for one, _ in best.values()),
            self.household_prior + sum(other for _, other in best.values()),
        )
        return -math.log2(sum(2.0 ** -max(min(each, 60), -60) for each in sums))


def explain(where: Settings, asked: str, *, with_values: bool = False) -> list[str]:
    """Say in lines of plain text why a customer is one, by its id or one of its records.

    Raises ExplanationError for a name nobody bears and when there is no warehouse to read, and
    runs.AlreadyRunning while a run writes it.
    """
    if not where.warehouse.is_file():
        raise ExplanationError(_NO_IDENTITY.format(home=where.home))
    with runs.reading(where):
        try:
            with duckdb.connect(str(where.warehouse), read_only=True) as connection:
                return list(_Explanation(connection, with_values).lines(asked.strip()))
        except duckdb.CatalogException as error:
            raise ExplanationError(_NO_IDENTITY.format(home=where.home)) from error
        except duckdb.IOException as error:
            raise ExplanationError(
                f"The warehouse {where.warehouse} cannot be opened: another program has it open. "
                "Close that and try again."
            ) from error


class _Explanation:
    """One reading of the warehouse."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, with_values: bool) -> None:
        self._connection = connection
        self._with_values = with_values
        variables = settings.project_variables()
        ((prior, household_prior),) = self._ask(
            "select prior_weight, household_prior_weight from identity.int_identity__weights"
        )
        self._rules = Rules(
            comparisons=variables["identity_comparisons"],
            threshold=variables["identity_tiers"][-1],
            review=variables["identity_review_weight"],
            conflicts=variables["identity_conflicts"],
            size=variables["identity_records_per_customer"],
            prior=prior,
            household_prior=household_prior,
        )

    def lines(self, asked: str) -> Iterator[str]:
        """Everything there is to say."""
        customer_id, said = self._resolve(asked)
        yield from said
        records = self._records([customer_id])
        if not records:
            yield from self._history(customer_id)
            return
        pairs = self._pairs(records.values())
        inner = [pair for pair in pairs if pair.a in records and pair.b in records]
        outer = [pair for pair in pairs if pair.a not in records or pair.b not in records]
        yield f"Customer {customer_id}, {counted(len(records), 'record')}"
        yield ""
        yield "Records"
        width = max(map(len, records))
        for record in records.values():
            weight = "" if record.weight is None else f"{record.weight:+.1f}"
            since = f"since {record.since:%Y-%m-%d}"
            yield f"  {record.key:<{width}}  {record.rule:<20} {weight:>6}  {since}"
        if len(records) > 1:
            yield ""
            yield "What holds them together"
            yield from self._links(records, inner)
        yield ""
        yield "What was close"
        yield from self._close(records, outer)
        yield ""
        yield "Values that link nobody"
        yield from self._left_out(records)
        yield ""
        yield "Overrides"
        yield from self._overrides_of(records)
        yield ""
        yield "History"
        yield from self._history(customer_id)

    # --- who ----------------------------------------------------------------------------------

    def _resolve(self, asked: str) -> tuple[str, list[str]]:
        """The customer that is asked for, and what there is to say on the way to it."""
        if ":" not in asked:
            return self._live(asked, [])
        source, _, record_id = asked.partition(":")
        found = self._ask(
            "select customer_id, valid_to from identity.customer_records "
            "where source = ? and source_record_id = ? order by valid_to desc nulls first limit 1",
            source,
            record_id,
        )
        if not found:
            raise ExplanationError(
                f"There is no source record {asked}; write it as source:id, for example "
                "crm.contacts:C0012, with the id as the source has it."
            )
        customer_id, gone = found[0]
        if gone is None:
            return customer_id, []
        said = [f"{asked} is in no feed since {gone:%Y-%m-%d}; it last belonged to {customer_id}."]
        return self._live(customer_id, said)

    def _live(self, customer_id: str, said: list[str]) -> tuple[str, list[str]]:
        """The id that lives, where the one asked for does not."""
        if self._ask(
            "select 1 from identity.customer_records where customer_id = ? and valid_to is null "
            "limit 1",
            customer_id,
        ):
            return customer_id, said
        redirects = self._ask(
            "select customer_id, kind, changed_at from identity.customer_redirects "
            "where old_customer_id = ?",
            customer_id,
        )
        if redirects:
            live, kind, changed_at = redirects[0]
            how = {"merged": "was merged into", "split": "was split; most of it went to"}[kind]
            return live, [*said, f"{customer_id} {how} {live} ({changed_at:%Y-%m-%d}).", ""]
        if self._ask(
            "select 1 from identity.identity_changes where ? in (customer_id, other_customer_id) "
            "limit 1",
            customer_id,
        ):
            gone = f"{customer_id} is no customer any more: no record of it is left."
            return customer_id, [*said, gone, "", "History"]
        raise ExplanationError(
            f"There is no customer {customer_id}, now or before; give a customer_id of a mart or a "
            "source record such as crm.contacts:C0012."
        )

    def _records(self, customer_ids: Collection[str]) -> dict[str, Record]:
        """The records of some customers, by key in its order."""
        described = self._ask("describe vault.int_identity__identifiers")
        shown = [name for name, *_ in described if name != "record_key"]
        rows = self._ask(
            f"""
            select
                records.source || ':' || records.source_record_id as record_key,
                records.customer_id,
                records.link_rule,
                records.link_weight,
                records.valid_from,
                profiles.loyalty_id,
                profiles.record_no is not null
                and profiles.first_name is null and profiles.last_name is null,
                {", ".join(f"identifiers.{name}" for name in shown)}
            from identity.customer_records as records
            left join vault.int_identity__profiles as profiles
                on records.source = profiles.source
                and records.source_record_id = profiles.source_record_id
            left join vault.int_identity__identifiers as identifiers
                on profiles.record_key = identifiers.record_key
            where records.valid_to is null and records.customer_id in (select unnest(?))
            order by 1
            """,
            list(customer_ids),
        )
        return {
            key: Record(
                key,
                customer_id,
                rule,
                weight,
                since,
                loyalty_id,
                is_nameless,
                dict(zip(shown, identifiers, strict=True)),
            )
            for key, customer_id, rule, weight, since, loyalty_id, is_nameless, *identifiers in rows
        }

    def _pairs(self, records: Iterable[Record]) -> list[Pair]:
        """Every compared pair with one of the records in it, strongest first."""
        names = [comparison["name"] for comparison in self._rules.comparisons]
        columns = ", ".join(map(_agreement_sql, self._rules.comparisons))
        rows = self._ask(
            f"""
            with asked as (
                select record_no
                from vault.int_identity__profiles
                where record_key in (select unnest(?))
            )
            select one.record_key, other.record_key, scores.rule, scores.match_weight, {columns}
            from identity.int_identity__scores as scores
            inner join vault.int_identity__profiles as one on scores.a = one.record_no
            inner join vault.int_identity__profiles as other on scores.b = other.record_no
            cross join identity.int_identity__weights as weights
            where scores.a in (from asked) or scores.b in (from asked)
            order by scores.match_weight desc, one.record_key, other.record_key
            """,
            [record.key for record in records],
        )
        return [
            Pair(
                a,
                b,
                rule,
                weight,
                {
                    name: Agreement(self._rules.level_name(name, level), one or 0, other or 0)
                    for name, level, one, other in zip(
                        names, agreed[0::3], agreed[1::3], agreed[2::3], strict=True
                    )
                    if level is not None
                },
            )
            for a, b, rule, weight, *agreed in rows
        ]

    # --- what holds together ------------------------------------------------------------------

    def _links(self, records: Mapping[str, Record], pairs: Sequence[Pair]) -> Iterator[str]:
        """The strongest links that reach every record, field by field."""
        tree = spanning_tree(pairs)
        yield "  in bits: against strangers, and against people of one household"
        for pair in tree:
            yield ""
            yield f"  {pair.a} - {pair.b}"
            yield f"    {pair.rule} {pair.weight:+.1f}{self._joined_by(pair, tree, records, pairs)}"
            yield from self._fields(records, pair)
        linked = {key for pair in tree for key in (pair.a, pair.b)}
        for key in sorted(set(records) - linked):
            yield ""
            yield f"  {key} was compared with none of the others: see Overrides"

    def _joined_by(
        self,
        pair: Pair,
        tree: Sequence[Pair],
        records: Mapping[str, Record],
        pairs: Sequence[Pair],
    ) -> str:
        """Why a link holds that is too weak by itself."""
        if pair.weight >= self._rules.threshold:
            return ""
        below = f": below {self._rules.threshold:+g} by itself; "
        if decided := self._decisions("always_link", {pair.a}, {pair.b}):
            return f"{below}linked by {decided[0][0]} on {decided[0][1]}"
        side = _reached(pair.a, [each for each in tree if each != pair])
        named = [
            each
            for each in pairs
            if (each.a in side) != (each.b in side)
            and not records[each.a].is_nameless
            and not records[each.b].is_nameless
        ]
        together = self._rules.weight_of(named)
        if together is None or together < self._rules.threshold:
            return f"{below}joined by way of other records, or by an override"
        return f"{below}what the records of both sides show together weighs {together:+.1f}"

    def _fields(self, records: Mapping[str, Record], pair: Pair) -> Iterator[str]:
        """What each field of a pair weighs."""
        strangers, household = self._rules.prior, self._rules.household_prior
        yield f"      {'prior':<30} {strangers:>+6.1f} {household:>+6.1f}"
        for name, agreement in pair.agreements.items():
            strangers += agreement.stranger_weight
            household += agreement.household_weight
            text = f"{name} {agreement.level}"
            values = self._values(records, pair, name, agreement.level)
            yield (
                f"      {text:<30} {agreement.stranger_weight:>+6.1f} "
                f"{agreement.household_weight:>+6.1f}{values}"
            )
        yield f"      {'sum':<30} {strangers:>+6.1f} {household:>+6.1f}"

    def _values(self, records: Mapping[str, Record], pair: Pair, name: str, level: str) -> str:
        """What was compared, for those who asked for it."""
        if not self._with_values:
            return ""
        comparison = next(each for each in self._rules.comparisons if each["name"] == name)
        sides = [records[key].identifiers for key in (pair.a, pair.b)]
        said = " ".join(
            each.get("when", "")
            for each in comparison["levels"]
            if each["level"] == level.replace(" ", "_")
        )
        named = [
            [column for column in dict.fromkeys(_COLUMN.findall(text)) if column in sides[0]]
            for text in (said, comparison["known"])
        ]
        columns = named[0] or named[1]
        one, other = (
            " ".join(str(side[column]) for column in columns if side[column] is not None)
            for side in sides
        )
        return f"  {one} = {other}" if one == other else f"  {one} | {other}"

    # --- what was close -----------------------------------------------------------------------

    def _close(self, records: Mapping[str, Record], pairs: Sequence[Pair]) -> Iterator[str]:
        """The customers whose records come closest, and why they are others."""
        keys = {pair.b if pair.a in records else pair.a for pair in pairs}
        owners = dict(
            self._ask(
                "select source || ':' || source_record_id, customer_id "
                "from identity.customer_records where valid_to is null "
                "and source || ':' || source_record_id in (select unnest(?))",
                sorted(keys),
            )
        )
        by_customer: dict[str, list[Pair]] = defaultdict(list)
        for pair in pairs:
            key = pair.b if pair.a in records else pair.a
            if key in owners:
                by_customer[owners[key]].append(pair)
        # pairs come strongest first, so customers do too
        shown = list(by_customer)[:CLOSE_SHOWN]
        others = self._records(shown)
        for customer_id in shown:
            compared = by_customer[customer_id]
            theirs = {key: each for key, each in others.items() if each.customer_id == customer_id}
            best = compared[0]
            own = best.a if best.a in records else best.b
            yield f"  {customer_id}, {counted(len(theirs), 'record')}"
            yield f"    {own} - {best.other(own)}: {best.rule} {best.weight:+.1f}"
            yield f"    apart: {self._apart(records, theirs, compared)}"
            yield from self._fields({**records, **theirs}, best)
        if not shown:
            yield "  no record of another customer was alike enough to be compared"
        elif len(by_customer) > len(shown):
            yield f"  and {counted(len(by_customer) - len(shown), 'other customer')} less close"

    def _apart(
        self,
        records: Mapping[str, Record],
        theirs: Mapping[str, Record],
        pairs: Sequence[Pair],
    ) -> str:
        """Why two customers are two: the guard that keeps them apart, or too little weight."""
        rules = self._rules
        if decided := self._decisions("never_link", set(records), set(theirs)):
            author, day = decided[0]
            return f"never_link, decided by {author} on {day}"
        both = {**records, **theirs}
        named = [
            pair for pair in pairs if not both[pair.a].is_nameless and not both[pair.b].is_nameless
        ]
        together = rules.weight_of(named)
        if together is None:
            return (
                "a record without a name joins one customer at most, the one most of whose records "
                "share what it has"
            )
        weighs = f"the records of both weigh {together:+.1f} together"
        for name in rules.conflicts:
            found = [pair.agreements[name] for pair in named if name in pair.agreements]
            if (
                found
                and max(each.stranger_weight for each in found) < 0
                and rules.household_prior + max(each.household_weight for each in found) < 0
            ):
                return f"they have a different {name.replace('_', ' ')} ({weighs})"
        if len({each.loyalty_id for each in both.values()} - {None}) > 1:
            return f"they have different loyalty numbers ({weighs})"
        if len(both) > rules.size:
            return f"together they would have more than {rules.size} records ({weighs})"
        if together < rules.threshold:
            review = ", enough to be looked at" if together >= rules.review else ""
            return f"{weighs}, below the threshold of {rules.threshold:+g}{review}"
        if max(pair.weight for pair in named) < rules.review:
            return f"{weighs}, but no two of them weigh {rules.review:+g} by themselves"
        return (
            f"{weighs}, which is enough; but they are not each other's best: either is closer to a "
            "third customer, with whom a guard would break or so weak a link would be a chain"
        )

    # --- what does not count ------------------------------------------------------------------

    def _left_out(self, records: Mapping[str, Record]) -> Iterator[str]:
        """Contacts too many people share, and what people write when they will not say."""
        shared = self._ask(
            """
            select shared.kind, count(*), max(shared.record_count), max(shared.surname_count)
            from vault.int_identity__identifiers as identifiers
            inner join vault.int_identity__shared_values as shared
                on (shared.kind = 'email' and identifiers.email = shared.contact_value)
                or (shared.kind = 'phone' and identifiers.phone = shared.contact_value)
            where shared.is_shared and identifiers.record_key in (select unnest(?))
            group by shared.kind
            order by shared.kind
            """,
            list(records),
        )
        for kind, count, record_count, surname_count in shared:
            yield (
                f"  {kind} of {counted(count, 'record')}: {record_count:,} records with "
                f"{counted(surname_count, 'surname')} have it"
            )
        junk = self._junk(records)
        for kind, count in sorted(junk.items()):
            yield f"  {kind} of {counted(count, 'record')}: a placeholder, or no {kind} at all"
        if not shared and not junk:
            yield "  none"

    def _junk(self, records: Iterable[str]) -> dict[str, int]:
        """How often staging took a column's value for none, by column."""
        keys = {feed.name: feed.key for feed in feeds.load()}
        by_source: dict[str, list[str]] = defaultdict(list)
        for key in records:
            source, _, record_id = key.partition(":")
            by_source[source].append(record_id)
        found: dict[str, int] = defaultdict(int)
        for source, ids in by_source.items():
            schema, table = "vault", f"stg_{source.replace('.', '__')}"
            columns = {
                name
                for (name,) in self._ask(
                    "select column_name from duckdb_columns() "
                    "where schema_name = ? and table_name = ?",
                    schema,
                    table,
                )
            }
            matched = sorted(name for name in columns if f"{name}_match" in columns)
            if not matched or source not in keys:
                continue
            counts = ", ".join(
                f"count_if(trim(cast({name} as varchar)) <> '' and {name}_match is null)"
                for name in matched
            )
            (row,) = self._ask(
                f"select {counts} from {schema}.{table} "
                f"where cast({keys[source][0]} as varchar) in (select unnest(?))",
                ids,
            )
            for name, count in zip(matched, row, strict=True):
                found[name.replace("_", " ")] += count or 0
        return {name: count for name, count in found.items() if count}

    # --- what people decided, and what happened -----------------------------------------------

    def _decisions(self, kind: str, ours: set[str], theirs: set[str]) -> list[tuple[str, str]]:
        """Author and day of the overrides of a kind between two groups of records."""
        return [
            (author, decided_on)
            for each, a, b, author, _, decided_on in self._overrides()
            if each == kind and ((a in ours and b in theirs) or (b in ours and a in theirs))
        ]

    def _overrides(self) -> list[tuple[Any, ...]]:
        return self._ask(
            """
            select
                cast(kind as varchar),
                cast(source_a as varchar) || ':' || cast(source_record_id_a as varchar),
                cast(source_b as varchar) || ':' || cast(source_record_id_b as varchar),
                cast(author as varchar),
                cast(reason as varchar),
                cast(decided_on as varchar)
            from seeds.identity_overrides
            order by all
            """
        )

    def _overrides_of(self, records: Mapping[str, Record]) -> Iterator[str]:
        touching = [row for row in self._overrides() if row[1] in records or row[2] in records]
        for kind, a, b, author, reason, decided_on in touching:
            yield f"  {kind} {a} - {b}: {author} on {decided_on}, {reason}"
        if not touching:
            yield "  none"

    def _history(self, customer_id: str) -> Iterator[str]:
        cursor = self._connection.execute(
            "select * from identity.identity_changes where ? in (customer_id, other_customer_id) "
            "order by changed_at, kind, customer_id, other_customer_id",
            [customer_id],
        )
        names = [column[0] for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        for row in rows:
            is_ours = row["customer_id"] == customer_id
            other = row["other_customer_id"] if is_ours else row["customer_id"]
            what = {
                ("created", True): "created",
                ("merged", True): f"{other} was merged into it",
                ("merged", False): f"merged into {other}",
                ("split", True): f"split from {other}",
                ("split", False): f"{other} was split from it",
                ("moved", True): f"got records of {other}",
                ("moved", False): f"gave records to {other}",
                ("retired", True): "retired",
            }.get((row["kind"], is_ours), f"{row['kind']} {other}")
            rule = f" by {row['rule']}" if row["rule"] else ""
            cause = f", cause {row['cause']}" if row.get("cause") else ""
            yield f"  {row['changed_at']:%Y-%m-%d} {what}{rule} ({row['evidence']}{cause})"
        if not rows:
            yield "  none"

    def _ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, list(values)).fetchall()


def _agreement_sql(comparison: Mapping[str, Any]) -> str:
    """Level, weight against strangers and against a household, of rows of scores and weights.

    As the macro agreement_columns: only a weight that hangs on how common a value is is kept.
    """
    name, levels = comparison["name"], comparison["levels"]

    def of_level(kind: str) -> str:
        whens = (
            f"when {number} then weights.{name}_{each['level']}_{kind}"
            for number, each in enumerate(levels)
        )
        return f"case scores.{name}_level {' '.join(whens)} end"

    is_kept = any("term_frequency" in each for each in levels)
    weight = f"scores.{name}_weight" if is_kept else of_level("weight")
    return f"scores.{name}_level, {weight}, {of_level('household')}"


def spanning_tree(pairs: Sequence[Pair]) -> list[Pair]:
    """The strongest pairs that connect all records that any pair connects, strongest first.

    A maximum spanning tree of each connected part, by Kruskal; equal weights go by the records'
    keys.
    """
    part: dict[str, str] = {}

    def part_of(key: str) -> str:
        while (above := part.setdefault(key, key)) != key:
            key = above
        return key

    tree = []
    for pair in sorted(pairs, key=lambda pair: (-pair.weight, pair.a, pair.b)):
        one, other = part_of(pair.a), part_of(pair.b)
        if one != other:
            part[one] = other
            tree.append(pair)
    return tree


def _reached(start: str, pairs: Iterable[Pair]) -> set[str]:
    """The records that pairs connect with one."""
    edges: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        edges[pair.a].add(pair.b)
        edges[pair.b].add(pair.a)
    reached, todo = {start}, [start]
    while todo:
        fresh = edges[todo.pop()] - reached
        reached |= fresh
        todo += fresh
    return reached
