"""`insights`: thin calls of the same job and functions that the UI and the schedule use."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import yaml

from orchestration import settings
from orchestration.settings import PROJECT_ROOT, Settings, SettingsError

if TYPE_CHECKING:
    import dagster as dg

    from orchestration.progress import Tally

DAGSTER_YAML = PROJECT_ROOT / "dagster.yaml"


class UsageError(Exception):
    """What was asked for cannot be done; the message says what to do instead."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit: 0 done, 1 the pipeline stopped, 2 the call makes no sense."""
    options = _parser().parse_args(arguments)
    if not options.debug:
        _silence()
    try:
        command: Callable[[argparse.Namespace, Settings], int] = options.command
        code = command(options, settings.load())
    except BrokenPipeError:
        # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except KeyboardInterrupt:
        print("Stopped. The last good publication stays current; run again to go on.")
        code = 130
    except Exception as error:
        if options.debug:
            raise
        print(f"insights: {error}", file=sys.stderr)
        code = 2 if isinstance(error, UsageError | SettingsError) else 1
    sys.exit(code)


def run(options: argparse.Namespace, where: Settings) -> int:
    """`insights run`: the daily job over one or many load dates."""
    from orchestration import feeds, raw, runs, schedules
    from orchestration.progress import Tally, counted

    contracts = feeds.load()
    first, last = _days(options, where, raw.pending_days(where, contracts))
    started = time.monotonic()
    with runs.lock(where):
        pass  # an early and clear answer; the run itself takes the lock for its whole length
    with _instance(where) as instance:
        from orchestration import definitions

        count = (last - first).days + 1
        print(f"Loading {first} to {last} ({counted(count, 'day')})", flush=True)
        job = definitions.build().resolve_job_def(schedules.JOB)
        result = job.execute_in_process(
            instance=instance,
            tags=schedules.range_tags(first, last, full_refresh=options.full_refresh),
            run_config={"loggers": {"progress": {}}},
            raise_on_error=options.debug,
        )
        tally = Tally()
        for event in result.all_events:
            tally.see(event)
        _summarise(where, job, result.success, tally, time.monotonic() - started)
        return 0 if result.success else 1


def demo(options: argparse.Namespace, where: Settings) -> int:
    """`insights demo`: write the demo retailer's landing folder, and the truth beside it."""
    from orchestration.demo import invented

    if options.if_absent and where.landing.is_dir() and any(where.landing.iterdir()):
        print(f"{where.landing} already holds feeds; they are used as they are.")
        return 0
    print("Writing the demo retailer's feeds", flush=True)
    asked = {"people": options.customers, "days": options.days, "seed": options.seed}
    given = {name: value for name, value in asked.items() if value is not None}
    summary = invented.write(where.landing, **given)
    print(f"  {summary}")
    return 0


def train_weights(options: argparse.Namespace, where: Settings) -> int:
    """`insights train-weights`: learn the match weights from the records of the last run."""
    from orchestration import runs, schedules, training

    training.need_splink()
    with runs.lock(where):
        pass  # as for a run
    print("Learning match weights (minutes)", flush=True)
    with _instance(where) as instance:
        from orchestration import definitions

        job = definitions.build().resolve_job_def(schedules.TRAINING_JOB)
        result = job.execute_in_process(
            instance=instance,
            run_config={
                "loggers": {"progress": {}},
                "ops": {
                    training.ASSET_KEY.to_python_identifier(): {
                        "config": {"trained_from": options.trained_from}
                    }
                },
            },
            raise_on_error=options.debug,
        )
    if not result.success:
        return 1
    (event,) = result.get_asset_materialization_events()
    said = event.materialization.metadata
    if said["kept"].value:
        print(f"  kept       {said['kept'].value}")
    print(f"  weights    {training.SEED}, version {said['version'].value}")
    print(f"  look at    {said['reports'].value} before committing the seed")
    return 0


def ui(options: argparse.Namespace, where: Settings) -> int:
    """`insights ui`: the Dagster UI on 127.0.0.1, until it is stopped."""
    os.environ["DAGSTER_HOME"] = str(_dagster_home(where))
    os.environ.update(where.environment(), INSIGHTS_LANDING=str(where.landing))
    # from the home, because Dagster warns about the dagster.yaml of another folder
    os.chdir(where.dagster_home)
    arguments = ["dagster", "dev", "-w", str(PROJECT_ROOT / "workspace.yaml")]
    arguments += ["-h", "127.0.0.1", "-p", str(options.port)]
    print(f"The Dagster UI is at http://127.0.0.1:{options.port} (stop with Ctrl-C)", flush=True)
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606


def rollback(options: argparse.Namespace, where: Settings) -> int:
    """`insights rollback`: make an older generation current."""
    from orchestration import generations, runs

    with runs.lock(where):
        generation = generations.roll_back(where.published, options.generation)
    print(
        f"Current is now {generation.name} (as of {generation.as_of}). "
        "The next run publishes a new one."
    )
    return 0


def accept(options: argparse.Namespace, where: Settings) -> int:
    """`insights accept`: let the next run publish what a gate has stopped."""
    from orchestration import ledger, runs

    with runs.lock(where):
        print(ledger.accept(where, options.what, options.reason))
    return 0


def status(options: argparse.Namespace, where: Settings) -> int:
    """`insights status`: what is published, what is kept, which landed days are not loaded."""
    from orchestration import feeds, generations, raw
    from orchestration.progress import counted

    now = generations.current(where.published)
    if options.path:
        if now is None:
            raise UsageError("Nothing is published yet: run `insights run` first.")
        print((where.published / "current").resolve())
        return 0
    print(f"home       {where.home}")
    print(f"landing    {where.landing}")
    if now is None:
        print("published  nothing yet: run `insights run`")
    else:
        print(f"published  {now.name}, as of {now.as_of}, written {now.published_at[:19]} UTC")
        for mart, rows in now.row_counts.items():
            print(f"             {mart:<28} {rows:>12,} rows")
    kept = [generation.name for generation in generations.generations(where.published)]
    print(f"kept       {', '.join(kept) or 'none'}")
    pending = raw.pending_days(where, feeds.load())
    text = f"{counted(len(pending), 'day')}, {pending[0]} to {pending[-1]}" if pending else "none"
    print(f"pending    {text}")
    return 0


def explain(options: argparse.Namespace, where: Settings) -> int:
    """`insights explain`: why one customer is one."""
    from orchestration import explanation

    try:
        lines = explanation.explain(where, options.who, with_values=options.values)
    except explanation.ExplanationError as error:
        raise UsageError(str(error)) from error
    for line in lines:
        print(line)
    return 0


def what_if(options: argparse.Namespace, where: Settings) -> int:
    """`insights what-if`: who would be merged and split by other rules of identity."""
    from orchestration import identity_review
    from orchestration.progress import counted

    try:
        rehearsal = identity_review.what_if(
            where,
            variables=identity_review.parse_variables(options.variables),
            weights=options.weights,
            overrides=options.overrides,
            changes_to=options.csv,
            shown=options.shown,
        )
    except identity_review.ReviewError as error:
        raise UsageError(str(error)) from error
    for note in rehearsal.notes:
        print(note)
    for line in rehearsal.difference.lines():
        print(line)
    if options.csv:
        print(f"\n{counted(rehearsal.difference.changed_count, 'record')} in {options.csv}")
    return 0


def _days(options: argparse.Namespace, where: Settings, pending: list[date]) -> tuple[date, date]:
    """The days asked for; else those with landed files that are not loaded; else the newest."""
    from orchestration import raw, runs

    asked: tuple[date | None, date | None] = (options.first, options.last)
    limit = runs.last_full_day(where)
    waiting = [day for day in pending if day <= limit]
    newest = raw.newest_loaded_day(where.raw)
    known = waiting or ([newest] if newest else pending)
    if not known:
        raise UsageError(
            f"No files have landed in {where.landing}: put some there, or run `insights demo`."
        )
    last = asked[1] or max(known[-1], asked[0] or known[-1])
    first = asked[0] or min(waiting[0] if waiting else last, last)
    if first > last:
        raise UsageError(f"--from {first} lies after --to {last}.")
    if last > limit:
        raise UsageError(
            f"{last} is not over yet in {where.timezone}; the last full day is {limit}."
        )
    return first, last


def _summarise(
    where: Settings, job: dg.JobDefinition, success: bool, tally: Tally, seconds: float
) -> None:
    """The closing lines of a run: what came in, what was built and checked, where to look."""
    from orchestration import generations
    from orchestration.progress import counted, title
    from orchestration.transform import STATIONS

    arrived, total = tally.total("raw__"), tally.total()
    print(
        f"\n{'Done' if success else 'Stopped'} in {seconds:.1f} s "
        f"({time.process_time():.1f} s of processor time)"
    )
    print(f"  loaded     {counted(arrived.rows, 'row')}, {arrived.refused:,} refused")
    print(
        f"  checked    {total.checked - total.failed:,} of {total.checked:,} checks held, "
        f"{counted(len(total.warnings), 'warning')}"
    )
    if arrived.refused:
        print(f"  refused    see {where.quarantine}")
    flow = ("raw", *STATIONS, "published")
    not_built = [node.name for node in job.nodes if node.name not in tally.steps]
    if not_built:
        not_built.sort(key=lambda step: (flow.index(step.split("_")[0]), step))
        print(f"  not built  {', '.join(map(title, not_built))}")
    now = generations.current(where.published)
    if success and now is not None:
        path = where.published / "current"
        marts = ", ".join(f"{name} {rows:,}" for name, rows in now.row_counts.items())
        print(f"  published  as of {now.as_of}: {marts}")
        print(f"  read them  {path / 'customer_insights.duckdb'} (schema marts)")
        print(f"             {path / 'parquet'}")
        print("  see runs   insights ui")
    elif now is not None:
        print(f"The last good publication stays current: {now.name}, as of {now.as_of}.")
    else:
        print("Nothing has been published yet.")


def _instance(where: Settings) -> dg.DagsterInstance:
    import dagster as dg

    os.environ["DAGSTER_HOME"] = str(_dagster_home(where))
    return dg.DagsterInstance.get()


def _dagster_home(where: Settings) -> Path:
    """Dagster's home below ours, configured like the project's own `dagster.yaml`."""
    where.dagster_home.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load(DAGSTER_YAML.read_text(encoding="utf-8"))
    for part in config.values():
        place = part.get("config", {})
        if "base_dir" in place:
            below = Path(place["base_dir"]).relative_to("data/dagster")
            place["base_dir"] = str(where.dagster_home / below)
    text = yaml.safe_dump(config)
    file = where.dagster_home / "dagster.yaml"
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
    return where.dagster_home


def _silence() -> None:
    """Only our own lines reach the terminal; `--debug` shows everything."""
    warnings.filterwarnings("ignore")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    # a root that has a handler is one that no library gives another
    logging.getLogger().handlers = [logging.NullHandler()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="insights", description=__doc__)
    parser.add_argument("--debug", action="store_true", help="show tracebacks and library logs")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[..., int], text: str) -> argparse.ArgumentParser:
        brief = text.partition(". ")[0].partition(":")[0]
        added = commands.add_parser(name, help=brief, description=f"{text}.")
        added.set_defaults(command=command)
        added.add_argument("--debug", action="store_true", default=argparse.SUPPRESS)
        return added

    runner = add("run", run, "load landed days, build everything, publish")
    runner.add_argument("--from", dest="first", type=_day, metavar="DAY", help="first load date")
    runner.add_argument("--to", dest="last", type=_day, metavar="DAY", help="last load date")
    runner.add_argument(
        "--full-refresh", action="store_true", help="rebuild incremental tables from raw"
    )
    writer = add("demo", demo, "write the demo retailer's landing folder")
    writer.add_argument("--if-absent", action="store_true", help="leave a landing folder as it is")
    writer.add_argument(
        "--customers", type=int, metavar="N", help="this many people, all of them invented"
    )
    writer.add_argument("--days", type=int, metavar="N", help="how many days from 2017-01-01 on")
    writer.add_argument("--seed", type=int, metavar="N", help="another seed, another retailer")
    trainer = add("train-weights", train_weights, "learn the match weights from the last run")
    trainer.add_argument(
        "--from",
        dest="trained_from",
        default="",
        metavar="TEXT",
        help="what the records are, for the seed; default: how many",
    )
    server = add("ui", ui, "the Dagster UI on 127.0.0.1")
    server.add_argument("--port", type=int, default=3000)
    back = add("rollback", rollback, "make an older publication current")
    back.add_argument("generation", nargs="?", help="default: the one before the current")
    why = add(
        "explain",
        explain,
        "why one customer is one: its records, the links that hold them together and what each "
        "field weighs, who was close and what keeps them apart, overrides and history. Fields are "
        "told as levels of agreement, never as values, since a terminal's scrollback is a log",
    )
    why.add_argument(
        "who", help="a customer_id, retired ones too, or a source record as crm.contacts:C0012"
    )
    why.add_argument(
        "--values",
        action="store_true",
        help="also print what was compared: names, e-mails, phones, addresses; for those who may "
        "read the warehouse's schema vault",
    )
    rehearse = add(
        "what-if",
        what_if,
        "run identity with other rules in a scratch folder, and print who would be merged and "
        "split. Nothing of the home is changed. The scratch holds names and contacts; it lies in "
        "the system's folder for temporary files (TMPDIR) and is removed at the end",
    )
    rehearse.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="instead of seeds/identity_weights.csv; identity_priors.csv and "
        "identity_term_frequencies.csv beside it count too",
    )
    rehearse.add_argument(
        "--overrides", type=Path, metavar="FILE", help="instead of seeds/identity_overrides.csv"
    )
    rehearse.add_argument(
        "--set",
        dest="variables",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="instead of a rule identity_* of dbt_project.yml; may be given several times",
    )
    rehearse.add_argument(
        "--shown", type=int, default=10, metavar="N", help="how many merges and splits to print"
    )
    rehearse.add_argument(
        "--csv", type=Path, metavar="FILE", help="write every record whose cluster would differ"
    )
    yes = add("accept", accept, "let the next run publish what a gate has stopped")
    yes.add_argument("what", choices=("identity", "customers", "purchases", "ledger"))
    yes.add_argument("--reason", required=True, help="why; kept in the ledger")
    state = add("status", status, "what is published, kept and pending")
    state.add_argument("--path", action="store_true", help="print the current generation's folder")
    return parser


def _day(text: str) -> date:
    day = settings.parse_day(text)
    if day is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a day as YYYY-MM-DD")
    return day


if __name__ == "__main__":
    main()
