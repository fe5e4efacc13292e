"""The invented half of the demo: people and every feed they leave traces in, with known truth.

A seeded, set-based generator. `world/*.sql` makes, in the order of the files' names, what happened:
people, what they are like, what they buy, when they browse. `deliveries/<source>.<table>.sql` says
what a system knew of it and sent on one day; `truths/*.sql` (see `truth`) what a pipeline should
find out. All of it runs in a throw-away DuckDB file. Which feeds there are, in which files and on
which days they come, stands here; what happens in the world does not.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from orchestration.demo import (
    FIRST_DAY,
    DemoError,
    Progress,
    copy_rows,
    real,
    replacing,
    set_time,
    truth,
    vocabulary,
    write_tenant,
)

DEFAULT_PEOPLE, DEFAULT_DAYS, DEFAULT_SEED = 8_000, 365, 2017
MOST_PEOPLE, MOST_DAYS = 2_400_000, 1_825
"""Beyond these, the numbers of orders and of a person's purchases have no room."""

MEMORY = "6GB"
"""What DuckDB may hold; the rest waits on disk, and the whole process stays below 8 GiB."""

_HERE = Path(__file__).parent
_BEFORE_ALL = date(1900, 1, 1)
_ROWS_A_TASK = 2_000_000
"""How much of a feed is made at a time: few queries, and memory that does not grow with people."""


@dataclass(frozen=True)
class Flaw:
    """Rows that a feed's contract refuses: copies of good ones with one column spoilt.

    reason: as the pipeline names it, `kind:column`. value: the SQL that replaces the column.
    share: of a file's rows, rounded down, so that a small file has none and its day still loads.
    """

    reason: str
    value: str
    share: float

    @property
    def column(self) -> str:
        """The spoilt column."""
        return self.reason.partition(":")[2]


@dataclass(frozen=True)
class Delivery:
    """How one feed is delivered.

    file: its name in each day's folder; the ending says the format. every: 1 for a feed that comes
    each day, 7 for one that comes on the first day of each week, 0 for one that comes only once.
    flaws: the rows planted in it that are to be refused. yearly: about how many rows a person
    leaves in it in a year, which decides how much of it is made at a time.
    """

    feed: str
    file: str
    every: int = 1
    flaws: tuple[Flaw, ...] = ()
    yearly: float = 3

    @property
    def query(self) -> str:
        """What lands on the days from `since` to `day`, both included; `landed_on` says when."""
        return (_HERE / "deliveries" / f"{self.feed}.sql").read_text(encoding="utf-8")


# Different formats and compressions on purpose: what reads the demo reads most retailers.
DELIVERIES: tuple[Delivery, ...] = (
    Delivery(
        "catalogue.products",
        "changes.jsonl",
        every=7,
        flaws=(Flaw("type:list_price", "'on request'", 0.005),),
    ),
    Delivery(
        "consent.events",
        "events.csv",
        every=7,
        flaws=(
            Flaw("allowed:medium", "'fax'", 0.002),
            Flaw("allowed:status", "'maybe'", 0.003),
            Flaw("type:effective_at", "'at once'", 0.002),
        ),
    ),
    Delivery(
        "contracts.subscriptions",
        "subscriptions.csv",
        every=7,
        flaws=(
            Flaw("allowed:end_reason", "'other'", 0.008),
            Flaw("type:monthly_fee", "'free'", 0.008),
        ),
    ),
    Delivery(
        "crm.contacts",
        "contacts.csv",
        every=7,
        flaws=(
            Flaw("missing:contact_id", "null", 0.002),
            Flaw("type:birth_date", "'31.02.1980'", 0.004),
        ),
    ),
    Delivery("enrichment.areas", "areas.csv", every=7),
    Delivery(
        "helpdesk.ticket_events",
        "ticket_events.csv.zst",
        yearly=7,
        flaws=(
            Flaw("allowed:author_role", "'robot'", 0.012),
            Flaw("missing:ticket_id", "null", 0.012),
        ),
    ),
    Delivery(
        "helpdesk.tickets",
        "tickets.jsonl",
        flaws=(Flaw("allowed:channel", "'fax'", 0.03),),
    ),
    Delivery(
        "loyalty.members",
        "members.jsonl",
        every=7,
        flaws=(
            Flaw("missing:updated_at", "null", 0.003),
            Flaw("type:birth_date", "'unknown'", 0.003),
        ),
    ),
    Delivery(
        "messaging.events",
        "events.parquet",
        yearly=30,
        flaws=(
            Flaw("allowed:channel", "'fax'", 0.002),
            Flaw("missing:event_type", "null", 0.002),
        ),
    ),
    Delivery(
        "newsletter.subscribers",
        "subscribers.jsonl",
        every=7,
        flaws=(Flaw("missing:email", "null", 0.005),),
    ),
    Delivery(
        "offers.assignments",
        "groups.parquet",
        yearly=5,
        flaws=(Flaw("allowed:arm", "'holdout'", 0.004),),
    ),
    Delivery("offers.campaigns", "plan.csv"),
    Delivery("offers.coupons", "codes.csv"),
    Delivery(
        "offers.redemptions",
        "used.jsonl",
        flaws=(Flaw("type:redeemed_at", "'on Monday'", 0.008),),
    ),
    Delivery(
        "pos.receipt_lines",
        "tills.parquet",
        yearly=10,
        flaws=(
            Flaw("missing:product_id", "null", 0.002),
            Flaw("type:sales_amount", "'n/a'", 0.003),
        ),
    ),
    Delivery(
        "pos.receipts",
        "tills.parquet",
        yearly=5,
        flaws=(
            Flaw("missing:sold_at", "null", 0.002),
            Flaw("type:sold_at", "'noon'", 0.003),
        ),
    ),
    Delivery(
        "reviews.product_reviews",
        "product_reviews.csv.gz",
        every=7,
        flaws=(
            Flaw("range:stars", "'6'", 0.015),
            Flaw("type:reviewed_at", "'last week'", 0.015),
        ),
    ),
    Delivery(
        "shop.accounts",
        "accounts.jsonl",
        every=7,
        flaws=(
            Flaw("type:created_at", "'yesterday'", 0.003),
            Flaw("type:is_guest", "'perhaps'", 0.002),
        ),
    ),
    Delivery(
        "shop.order_lines",
        "order_lines.parquet",
        yearly=13,
        flaws=(
            Flaw("missing:product_id", "null", 0.002),
            Flaw("type:quantity", "'two'", 0.003),
        ),
    ),
    Delivery(
        "shop.orders",
        "orders.parquet",
        yearly=20,
        flaws=(
            Flaw("allowed:status", "'lost'", 0.003),
            Flaw("missing:order_id", "null", 0.002),
        ),
    ),
    Delivery(
        "shop.returns",
        "returns.csv",
        every=7,
        flaws=(Flaw("type:refunded_amount", "'all of it'", 0.02),),
    ),
    Delivery(
        "social.interactions",
        "interactions.jsonl",
        every=7,
        flaws=(
            Flaw("allowed:kind", "'share'", 0.008),
            Flaw("type:interacted_at", "'last week'", 0.008),
        ),
    ),
    Delivery(
        "survey.invitations",
        "invitations.parquet",
        every=7,
        flaws=(Flaw("missing:sent_at", "null", 0.004),),
    ),
    Delivery(
        "survey.responses",
        "responses.csv",
        every=7,
        flaws=(
            Flaw("range:score", "'11'", 0.02),
            Flaw("type:score", "'ten'", 0.015),
        ),
    ),
    Delivery(
        "web.events",
        "events.parquet",
        yearly=35,
        flaws=(
            Flaw("allowed:platform", "'television'", 0.002),
            Flaw("missing:event_type", "null", 0.002),
        ),
    ),
)


@dataclass(frozen=True)
class Summary:
    """What was written: people, days, rows by feed, files, bytes, and how long each part took."""

    landing: Path
    truth: Path
    people: int
    first_day: date
    last_day: date
    rows: dict[str, int]
    truths: dict[str, int]
    file_count: int
    total_bytes: int
    seconds: dict[str, float]

    def __str__(self) -> str:
        spent = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in self.seconds.items())
        return (
            f"{self.first_day} to {self.last_day}: {sum(self.rows.values()):,} rows of "
            f"{len(self.rows)} feeds about {self.people:,} people in {self.file_count:,} files "
            f"({self.total_bytes / 1e6:.1f} MB) in {self.landing}\n"
            f"  the truth about them, which the pipeline never reads: {self.truth}\n"
            f"  {spent}"
        )


def write(
    landing: Path,
    *,
    people: int | None = None,
    days: int = DEFAULT_DAYS,
    seed: int = DEFAULT_SEED,
    progress: Progress | None = None,
) -> Summary:
    """Land every feed of the demo retailer in `landing`, and the truth in `truth` beside it.

    Without `people` the real households are there, with their real purchases in stores, among
    DEFAULT_PEOPLE people; with it, that many people, all of them invented, and the real data need
    not be installed. `days` count from FIRST_DAY. The same arguments give the same bytes and file
    times (with the same DuckDB, Faker and nicknames).

    Raises DemoError, leaving both folders as they were, when an argument is out of range, the data
    or the words are not installed, or a folder cannot be written or holds what is not the demo's.
    """
    has_real = people is None
    people = DEFAULT_PEOPLE if people is None else people
    _refuse_impossible(people, days, has_real=has_real)
    last_day = FIRST_DAY + timedelta(days=days - 1)
    truth_folder = landing.parent / "truth"
    seconds: dict[str, float] = {}
    rows: dict[str, int] = {}
    refusals: list[truth.Refusal] = []
    with replacing(truth_folder) as new_truth, replacing(landing) as folder:
        with (
            ThreadPoolExecutor(max_workers=1) as beside,
            TemporaryDirectory(prefix=".demo-world-", dir=folder.parent) as scratch,
        ):
            try:
                with duckdb.connect(f"{scratch}/world.duckdb") as connection:
                    started = time.monotonic()
                    real_half = beside.submit(_land_real, folder, last_day) if has_real else None
                    _make_world(connection, Path(scratch), people, days, seed, has_real=has_real)
                    if real_half is not None:
                        rows.update(real_half.result().rows)
                    else:
                        write_tenant(folder)
                    seconds["world"] = time.monotonic() - started
                    started = time.monotonic()
                    for feed, count, refused in _deliver(
                        connection, folder, people, last_day, progress
                    ):
                        rows[feed] = rows.get(feed, 0) + count
                        refusals += refused
                    seconds["files"] = time.monotonic() - started
                    started = time.monotonic()
                    truths = truth.write(
                        connection,
                        new_truth,
                        refusals,
                        {"people": people, "days": days, "seed": seed, "is_real": int(has_real)},
                    )
                    seconds["truth"] = time.monotonic() - started
            except duckdb.Error as error:
                problem = str(error).splitlines()[0]
                raise DemoError(
                    f"The demo could not be made: {problem}. The landing folder is unchanged; "
                    "check the free space."
                ) from error
        files = [path for path in folder.rglob("*") if path.is_file()]
        file_count, total_bytes = len(files), sum(path.stat().st_size for path in files)
    return Summary(
        landing=landing,
        truth=truth_folder,
        people=people,
        first_day=FIRST_DAY,
        last_day=last_day,
        rows=dict(sorted(rows.items())),
        truths=truths,
        file_count=file_count,
        total_bytes=total_bytes,
        seconds=seconds,
    )


def _refuse_impossible(people: int, days: int, *, has_real: bool) -> None:
    if not 100 <= people <= MOST_PEOPLE:
        raise DemoError(
            f"The demo has 100 to {MOST_PEOPLE:,} people, not {people:,}. Nothing was written."
        )
    longest = (real.LAST_DAY - FIRST_DAY).days + 1 if has_real else MOST_DAYS
    if not 28 <= days <= longest:
        hint = "; more only without the real purchases: add --customers" if has_real else ""
        raise DemoError(
            f"The demo has 28 to {longest:,} days, not {days:,}{hint}. Nothing was written."
        )
    for module, package in (("faker", "Faker"), ("nicknames", "nicknames")):
        if importlib.util.find_spec(module) is None:
            raise DemoError(
                f"{package} is not installed; run `.venv/bin/pip install --constraint "
                "requirements.lock --editable '.[demo]'`, or `make run`, which does it. "
                "Nothing was written."
            )


def _land_real(folder: Path, last_day: date) -> real.Summary:
    # the invented half knows the members' names, and so writes them
    return real.fill(folder, days=(FIRST_DAY, last_day), leave_out=["loyalty.members"])


def _make_world(
    connection: duckdb.DuckDBPyConnection,
    scratch: Path,
    people: int,
    days: int,
    seed: int,
    *,
    has_real: bool,
) -> None:
    """Build the tables of the world. What every file of `world` may call is made here."""
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    connection.execute("set autoinstall_known_extensions = false")
    connection.execute(f"set memory_limit = '{MEMORY}'")
    connection.execute("set temp_directory = '{}'".format(str(scratch / "tmp").replace("'", "''")))
    macros = {
        "seed": f"{seed}",
        "people_count": f"{people}",
        "day_count": f"{days}",
        "first_day": f"date '{FIRST_DAY}'",
        "last_day": f"date '{FIRST_DAY + timedelta(days=days - 1)}'",
    }
    for name, value in macros.items():
        connection.execute(f"create macro {name}() as {value}")
    if has_real:
        real.households(connection)
    else:
        connection.execute(
            "create table real_households (household_id bigint, real_household_id bigint, "
            "age_band varchar, income_band varchar, household_size varchar, "
            "marital_status varchar, home_ownership varchar)"
        )
    vocabulary.load(connection)
    for path in sorted((_HERE / "world").glob("*.sql")):
        try:
            connection.execute(path.read_text(encoding="utf-8"))
        except duckdb.Error as error:
            raise DemoError(f"world/{path.name} of the demo: {error}") from error


def _deliver(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    people: int,
    last_day: date,
    progress: Progress | None,
) -> Iterator[tuple[str, int, list[truth.Refusal]]]:
    """Write every file, and yield for some days of a feed its rows and those to be refused."""
    tasks = []
    # the feed with most rows first, so that no big task is left for one of the two at the end
    for delivery in sorted(DELIVERIES, key=lambda delivery: -delivery.yearly):
        spans, at_once = list(_spans(delivery, last_day)), _spans_a_task(delivery, people)
        tasks += [
            (delivery, spans[start : start + at_once]) for start in range(0, len(spans), at_once)
        ]
    total = sum(len(spans) for _, spans in tasks)
    # Each file is written by one thread, so that the order of its rows, and so its bytes, hang on
    # nothing but the data; two files are written at a time. What is written down as the left side
    # of a join is the big one, which DuckDB cannot know, and its order is kept.
    connection.execute("set threads = 1")
    connection.execute("set disabled_optimizers = 'build_side_probe_side'")
    with ThreadPoolExecutor(max_workers=2) as pool:
        futures = {
            pool.submit(_write_files, connection, folder, delivery, spans): (delivery, len(spans))
            for delivery, spans in tasks
        }
        done = 0
        for future in as_completed(futures):
            delivery, files = futures[future]
            count, refusals = future.result()
            done += files
            if progress is not None:
                progress(done, total, delivery.feed)
            yield delivery.feed, count, refusals
    connection.execute("reset disabled_optimizers")


def _spans(delivery: Delivery, last_day: date) -> Iterator[tuple[date, date]]:
    """The deliveries of a feed, each as the days it covers. The first tells all that was before."""
    since, day = _BEFORE_ALL, FIRST_DAY
    while day <= last_day:
        yield since, day
        if not delivery.every or day == last_day:
            return
        since, day = day + timedelta(days=1), min(day + timedelta(days=delivery.every), last_day)


def _spans_a_task(delivery: Delivery, people: int) -> int:
    days = int(_ROWS_A_TASK * 365 / (people * delivery.yearly))
    return max(1, days // max(1, delivery.every))


def _write_files(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    delivery: Delivery,
    spans: list[tuple[date, date]],
) -> tuple[int, list[truth.Refusal]]:
    """Write the files of some deliveries of one feed; a delivery without rows has no file.

    Asked once for all of them: planning a query costs more than its few rows.
    """
    rows, refusals = 0, []
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"set variable since = date '{spans[0][0]}'")
        cursor.execute(f"set variable day = date '{spans[-1][1]}'")
        try:
            cursor.execute(f"create or replace temp table batch as\n{delivery.query}")
        except duckdb.Error as error:
            raise DemoError(f"deliveries/{delivery.feed}.sql of the demo: {error}") from error
        counts = cursor.execute("select landed_on, count(*) from batch group by all").fetchall()
        for since, day in spans:
            count = sum(found for landed_on, found in counts if since <= landed_on <= day)
            if not count:
                continue
            sent = (
                "(select * exclude (landed_on) from batch "
                f"where landed_on between date '{since}' and date '{day}')"
            )
            # what goes wrong every day is put right soon; this goes wrong in a weekly job
            flaws = delivery.flaws if delivery.every != 1 or day.weekday() == 0 else ()
            spoilt, planted = _spoilt(flaws, sent, count)
            path = folder.joinpath(*delivery.feed.split("."), f"{day}", delivery.file)
            path.parent.mkdir(parents=True, exist_ok=True)
            copy_rows(cursor, spoilt, path)
            set_time(path, day)
            set_time(path.parent, day)
            rows += count + sum(planted.values())
            refusals += [(delivery.feed, day, reason, n) for reason, n in planted.items()]
    return rows, refusals


def _spoilt(flaws: Sequence[Flaw], sent: str, count: int) -> tuple[str, dict[str, int]]:
    """The rows of a file with its planted flaws at the end, and how many of each."""
    planted = {flaw.reason: int(count * flaw.share) for flaw in flaws}
    flaws = [flaw for flaw in flaws if planted[flaw.reason]]
    if not flaws:
        return f"from {sent}", {}
    # as text, so that a column can hold what is not of its type
    texts = ", ".join(
        f'cast("{column}" as varchar) as "{column}"'
        for column in dict.fromkeys(flaw.column for flaw in flaws)
    )
    parts = [f"select * replace ({texts}) from {sent}"]
    for place, flaw in enumerate(flaws):
        parts.append(
            f'select * replace ({flaw.value} as "{flaw.column}") from '
            f"(select * replace ({texts}) from {sent} "
            f"limit {planted[flaw.reason]} offset {place})"
        )
    return " union all ".join(parts), {flaw.reason: planted[flaw.reason] for flaw in flaws}
