"""What a run says while it works and when it is over: lines on the terminal, nothing else.

Reads Dagster's events and knows nothing of how the work is done.
"""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, TextIO

import dagster as dg


@dataclass
class Step:
    """What one step did, gathered from its events."""

    rows: int = 0
    refused: int = 0
    tables: int = 0
    unchanged: int = 0
    checked: int = 0
    failed: int = 0
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Tally:
    """Gathers what each step of one run did."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = defaultdict(Step)

    def see(self, event: dg.DagsterEvent) -> None:
        """Take in one event."""
        if event.step_key is None:
            return
        step = self.steps[event.step_key]
        kind = event.event_type
        if kind == dg.DagsterEventType.ASSET_MATERIALIZATION:
            metadata = event.step_materialization_data.materialization.metadata
            step.tables += 1
            step.unchanged += "unchanged" in metadata
            step.rows += _number(metadata.get("rows"))
        elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            step.checked += 1
            step.refused += _number(evaluation.metadata.get("refused_rows"))
            if not evaluation.passed:
                step.failed += 1
                _add_findings(step, evaluation)
        elif kind == dg.DagsterEventType.STEP_SUCCESS:
            step.seconds = event.step_success_data.duration_ms / 1000
        elif kind == dg.DagsterEventType.STEP_FAILURE:
            step.errors = step.errors or [failure_sentence(event)]

    def total(self, prefix: str = "") -> Step:
        """The steps whose key begins with `prefix`, added up."""
        steps = [step for key, step in self.steps.items() if key.startswith(prefix)]
        return Step(
            rows=sum(step.rows for step in steps),
            refused=sum(step.refused for step in steps),
            tables=sum(step.tables for step in steps),
            unchanged=sum(step.unchanged for step in steps),
            checked=sum(step.checked for step in steps),
            failed=sum(step.failed for step in steps),
            warnings=[sentence for step in steps for sentence in step.warnings],
            errors=[sentence for step in steps for sentence in step.errors],
            seconds=sum(step.seconds for step in steps),
        )


class Progress(Tally):
    """A tally that prints a line as each step ends."""

    def __init__(self, out: TextIO) -> None:
        super().__init__()
        self.out = out

    def see(self, event: dg.DagsterEvent) -> None:
        """Take in one event; when it ends a step, say so."""
        super().see(event)
        key = event.step_key
        if key is None:
            return
        if event.event_type in (
            dg.DagsterEventType.STEP_SUCCESS,
            dg.DagsterEventType.STEP_FAILURE,
        ):
            self._say(key, self.steps[key])

    def _say(self, key: str, step: Step) -> None:
        is_raw = key.startswith("raw__")
        held = f"{step.checked - step.failed} of {step.checked} checks held"
        built = step.tables - step.unchanged
        tables = f"{step.tables} tables" if step.tables > 1 else ""
        if step.unchanged:
            tables = f"{counted(built, 'table')} built, {step.unchanged} unchanged"
        parts = [
            "" if is_raw else tables,
            counted(step.rows, "row") if step.rows else "",
            f"{step.refused:,} refused" if step.refused else "",
            held if step.checked and not is_raw else "",
        ]
        state = "  FAILED" if step.errors else f"{step.seconds:6.1f} s"
        said = ", ".join(part for part in parts if part)
        print(f"  {title(key):<36} {state}  {said}".rstrip(), file=self.out)
        for sentence in step.warnings:
            print(f"      warning: {sentence}", file=self.out)
        for sentence in step.errors:
            print(f"      error: {sentence}", file=self.out)
        self.out.flush()


def _add_findings(step: Step, evaluation: Any) -> None:
    """Sort what a failed check says, one `- error: ..` or `- warn: ..` a line, into the step.

    A dbt test says only how many rows broke it; when that fails the step, the failure explains it.
    """
    findings = evaluation.metadata.get("findings")
    if findings is not None:
        lines = str(findings.value).splitlines()
        step.warnings += [line[len("- warn: ") :] for line in lines if line.startswith("- warn: ")]
        step.errors += [line[len("- error: ") :] for line in lines if line.startswith("- error: ")]
    elif evaluation.severity == dg.AssetCheckSeverity.WARN:
        rows = _number(evaluation.metadata.get("dagster_dbt/failed_row_count"))
        table = ".".join(evaluation.asset_key.path)
        step.warnings.append(f"{table}: {counted(rows, 'row')} against {evaluation.check_name}.")


def failure_sentence(event: dg.DagsterEvent) -> str:
    """Why a step failed, in the one sentence its code gave or, failing that, the error's own."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "failed"
    # the message begins with the name of its class, and may hold nothing else
    said = error.message.partition(": ")[2].strip().splitlines()
    return ": ".join([error.cls_name or "error", *said[-1:]])


class _Handler(logging.Handler):
    """Hands Dagster's events, which travel as log records, to a Progress."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(logging.DEBUG)
        self.progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", None)
        event = meta.get("dagster_event") if isinstance(meta, dict) else None
        if event is not None:
            self.progress.see(event)


@dg.logger(None, "Prints one line per step, as `insights run` shows it.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """A Dagster logger that prints progress and nothing else."""
    log = logging.Logger("insights.progress", logging.DEBUG)
    log.addHandler(_Handler(Progress(sys.stdout)))
    return log


def title(step: str) -> str:
    """A step's key as people write it: `raw__pos__receipts` is `raw pos.receipts`."""
    return step.replace("__", " ", 1).replace("__", ".").replace("_gate", " gate")


def counted(count: int, thing: str) -> str:
    """A count and its noun: `1 row`, `2,000 rows`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _number(value: Any) -> int:
    number = getattr(value, "value", value)
    return int(number) if isinstance(number, int | float) else 0
