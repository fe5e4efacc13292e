"""How near clusters of source records come to the people behind them. Judges; links nothing.

Everything follows from how many records each cluster and each person share, so one query over
those counts is enough at any size: no pair is ever listed.
"""

from dataclasses import dataclass

import duckdb

MEASURE = """
with judged as (
    select clusters.cluster_key, truth.person_id
    from {clusters} as clusters
    inner join {truth} as truth on clusters.record_key = truth.record_key
),
shared as (
    select cluster_key, person_id, count(*)::double as n
    from judged
    group by cluster_key, person_id
),
cells as (
    select
        n,
        sum(n) over (partition by cluster_key) as cluster_size,
        sum(n) over (partition by person_id) as person_size
    from shared
),
sizes as (
    select
        sum(n) as records,
        sum(n * (n - 1) / 2) as right_pairs,
        -- a cluster's size stands in as many rows as it has people: each row carries its part
        sum(n * (cluster_size - 1) / 2) as linked_pairs,
        sum(n * (person_size - 1) / 2) as true_pairs,
        sum(n * n / cluster_size) as b_cubed_precision,
        sum(n * n / person_size) as b_cubed_recall,
        count(*) filter (where n = cluster_size and n = person_size) as exact,
        sum(n / cluster_size) as clusters,
        sum(n / person_size) as people,
        max(cluster_size) as largest_cluster,
        max(person_size) as largest_person
    from cells
)
select
    records, clusters, people, linked_pairs, true_pairs, right_pairs,
    b_cubed_precision / records, b_cubed_recall / records, exact, largest_cluster, largest_person
from sizes
"""


@dataclass(frozen=True)
class Agreement:
    """Clusters against people. Shares are 0 to 1; a share of nothing is 1."""

    records: int
    clusters: int
    people: int
    linked_pairs: int
    true_pairs: int
    right_pairs: int
    b_cubed_precision: float
    b_cubed_recall: float
    exact: int
    """People whose records are one cluster with nobody else's in it."""
    largest_cluster: int
    largest_person: int

    @property
    def precision(self) -> float:
        """Of the pairs of records in one cluster, the share of one person."""
        return _share(self.right_pairs, self.linked_pairs)

    @property
    def recall(self) -> float:
        """Of the pairs of records of one person, the share in one cluster."""
        return _share(self.right_pairs, self.true_pairs)

    @property
    def f1(self) -> float:
        """The harmonic mean of pairwise precision and recall."""
        return _harmonic(self.precision, self.recall)

    @property
    def b_cubed_f1(self) -> float:
        """As f1, each record weighing the same (Bagga and Baldwin 1998)."""
        return _harmonic(self.b_cubed_precision, self.b_cubed_recall)

    @property
    def exact_precision(self) -> float:
        """Of the clusters, the share which is exactly one person."""
        return _share(self.exact, self.clusters)

    @property
    def exact_recall(self) -> float:
        """Of the people, the share which is exactly one cluster."""
        return _share(self.exact, self.people)


def agreement(con: duckdb.DuckDBPyConnection, clusters: str, truth: str) -> Agreement:
    """Compare two relations by name or as SQL in brackets.

    `clusters` has record_key and cluster_key, `truth` record_key and person_id; each record stands
    once in either. Only records of both are judged.
    """
    rows = con.execute(MEASURE.format(clusters=clusters, truth=truth)).fetchall()
    counts = [round(value or 0) for value in (*rows[0][:6], *rows[0][8:])]
    b_cubed = [1.0 if value is None else float(value) for value in rows[0][6:8]]
    return Agreement(*counts[:6], *b_cubed, *counts[6:])


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b) if a + b else 0.0
