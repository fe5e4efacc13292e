"""The statements of the README run as they stand there, on what a run publishes."""

from __future__ import annotations

import re

import pytest

from orchestration.settings import PROJECT_ROOT
from tests.tenant import Tenant

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
ASKED = README[README.index("### Ask it") : README.index("## Bring your own feeds")]
BLOCKS = re.findall(r"```sql\n(.*?)```\n\n\|([^\n]*)\|\n", ASKED, flags=re.DOTALL)


def test_every_statement_shows_what_it_gives() -> None:
    assert len(BLOCKS) == ASKED.count("```sql") >= 6


@pytest.mark.parametrize(("statement", "header"), BLOCKS)
def test_each_statement_runs_and_gives_the_columns_shown(
    loaded: Tenant, statement: str, header: str
) -> None:
    loaded.ask(statement)
    described = loaded.ask(f"describe {statement.strip().rstrip(';')}")
    assert [column for column, *_ in described] == [name.strip() for name in header.split("|")]
