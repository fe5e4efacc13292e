"""The example of docs/examples/zendesk, copied in as its README says and run on two days of files.

The files have the columns of Fivetran's Zendesk connector and are made up.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from orchestration.settings import PROJECT_ROOT
from tests import test_house_rules as house
from tests.tenant import Tenant

pytestmark = pytest.mark.slow

EXAMPLE = PROJECT_ROOT / "docs" / "examples" / "zendesk"
PARTS = ("orchestration", "expectations", "dbt_project", "dbt_project.yml", "profiles.yml")
MONDAY, TUESDAY = date(2024, 3, 4), date(2024, 3, 5)

USERS = """\
id,_fivetran_synced,active,email,external_id,name,phone,role,updated_at,verified
100,x,TRUE,ann.keller@example.org,A1,Ann Keller,,end-user,2024-02-01 08:00:00,TRUE
101,x,TRUE,bo.larsen@example.org,,Bo Larsen,+1 212 555 0147,end-user,2024-02-01 08:00:00,TRUE
900,x,TRUE,desk@example.com,,Desk,,agent,2024-01-01 08:00:00,TRUE
"""
TICKETS = """\
id,_fivetran_synced,assignee_id,created_at,description,priority,requester_id,status,subject,submitter_id,tags,updated_at,via_channel
"""
COMMENTS = """\
id,_fivetran_synced,body,created,facebook_comment,public,ticket_id,tweet,user_id,voice_comment
"""
HISTORY = """\
field_name,ticket_id,updated,_fivetran_synced,user_id,value
"""


def land_monday(tenant: Tenant) -> None:
    """Two tickets come in; Zendesk answers by itself, and an agent makes a note."""
    files = {
        "users": USERS,
        "tickets": TICKETS
        + "1,x,,2024-03-04 14:00:00,Where?,normal,100,open,Where is my parcel?,100,,"
        "2024-03-04 14:10:00,email\n"
        + "2,x,,2024-03-04 15:00:00,Broken,,101,new,It is broken,101,,2024-03-04 15:00:00,chat\n"
        + "3,x,,2024-03-04 15:01:00,Broken,,101,new,It is broken!,101,,2024-03-04 15:01:00,chat\n",
        "ticket_comments": COMMENTS
        + "11,x,Where is it?,2024-03-04 14:00:00,FALSE,TRUE,1,FALSE,100,FALSE\n"
        + "12,x,We will answer.,2024-03-04 14:00:05,FALSE,TRUE,1,FALSE,-1,FALSE\n"
        + "13,x,Ask the carrier,2024-03-04 14:10:00,FALSE,FALSE,1,FALSE,900,FALSE\n"
        + "21,x,Broken,2024-03-04 15:00:00,FALSE,TRUE,2,FALSE,101,FALSE\n",
        "ticket_field_history": HISTORY
        + "status,1,2024-03-04 14:00:00,x,,new\n"
        + "priority,1,2024-03-04 14:00:00,x,,normal\n"
        + "status,1,2024-03-04 14:10:00,x,900,open\n"
        + "subject,1,2024-03-04 14:00:00,x,100,Where is my parcel?\n"
        + "status,2,2024-03-04 15:00:00,x,,new\n",
    }
    for table, text in files.items():
        tenant.land(f"zendesk.{table}", MONDAY, f"{table}.csv", text)


def land_tuesday(tenant: Tenant) -> None:
    """The first is answered after 90 minutes and solved an hour later; the third was the second."""
    files = {
        "tickets": TICKETS
        + "1,x,900,2024-03-04 14:00:00,Where?,normal,100,solved,Where is my parcel?,100,,"
        "2024-03-04 16:30:00,email\n"
        + "3,x,900,2024-03-04 15:01:00,Broken,,101,closed,It is broken!,101,closed_by_merge,"
        "2024-03-05 09:00:00,chat\n",
        "ticket_comments": COMMENTS
        + "14,x,Tomorrow.,2024-03-04 15:30:00,FALSE,TRUE,1,FALSE,900,FALSE\n"
        # delivered again
        + "21,x,Broken,2024-03-04 15:00:00,FALSE,TRUE,2,FALSE,101,FALSE\n",
        "ticket_field_history": HISTORY + "status,1,2024-03-04 16:30:00,x,900,solved\n",
    }
    for table, text in files.items():
        tenant.land(f"zendesk.{table}", TUESDAY, f"{table}.csv", text)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the example in it."""
    root = tmp_path_factory.mktemp("zendesk") / "project"
    for part in (*PARTS, "dagster.yaml", "workspace.yaml"):
        if (PROJECT_ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PROJECT_ROOT / part, root / part, ignore=ignored)
        else:
            root.mkdir(exist_ok=True)
            shutil.copy(PROJECT_ROOT / part, root / part)
    shutil.copytree(EXAMPLE / "staging", root / "dbt_project/models/staging/zendesk")
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8").splitlines()
    settings = root / "dbt_project.yml"
    text = settings.read_text(encoding="utf-8")
    for name in ("helpdesk_tickets_from", "helpdesk_ticket_events_from"):
        (line,) = (line.strip() for line in readme if line.strip().startswith(f"{name}:"))
        assert f"{name}: []" in text
        text = text.replace(f"{name}: []", line)
    settings.write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def tenant(project: Path) -> Tenant:
    """The tenant after a run on each of the two days."""
    tenant = Tenant(project.parent)
    for land in (land_monday, land_tuesday):
        land(tenant)
        called(project, tenant, "-m", "orchestration.cli", "run")
    return tenant


def called(project: Path, tenant: Tenant, *arguments: str) -> str:
    """Run the copy's own code, in a process of its own."""
    answer = subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={**os.environ, **tenant.variables(), "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


def test_zendesks_files_become_service_figures(tenant: Tenant) -> None:
    """A robot's message and an agent's note are no answer; a merged ticket is none of ours."""
    assert tenant.ask("""
        select ticket_count, answered_count, unanswered_count, solved_count, backlog_count,
            first_response_minutes_p50, resolution_hours_p50
        from marts.kpi_service
        where period_grain = 'month' and segment_type = 'all' and ticket_channel = 'email'
    """) == [(1, 1, 0, 1, 0, 90, 2.5)]
    assert tenant.ask("""
        select ticket_channel, ticket_count, unanswered_count, backlog_count
        from marts.kpi_service
        where period_grain = 'month' and segment_type = 'all' and ticket_channel <> 'email'
        order by all
    """) == [("all", 2, 1, 1), ("chat", 1, 1, 1)]


def test_each_event_is_kept_once(tenant: Tenant) -> None:
    import duckdb

    with duckdb.connect(str(tenant.home / "warehouse.duckdb"), read_only=True) as warehouse:
        assert warehouse.execute("""
            select ticket_id, author_role, kind, count(*)
            from vault.stg_helpdesk__ticket_events group by all order by all
        """).fetchall() == [
            ("1", "agent", "message", 1),
            ("1", "agent", "note", 1),
            ("1", "agent", "status", 2),
            ("1", "bot", "message", 1),
            ("1", "bot", "priority", 1),
            ("1", "bot", "status", 1),
            ("1", "customer", "message", 1),
            ("2", "bot", "status", 1),
            ("2", "customer", "message", 1),
        ]


def test_the_copy_keeps_every_rule(project: Path, tenant: Tenant) -> None:
    """The rules of the house, and the unit tests of the models it brings or touches."""
    for rule in (
        house.model_and_yml_go_together,
        house.every_feed_has_a_staging_model,
        house.refs_go_downstream,
        house.personal_columns_stay_in_the_vault,
        house.no_model_reads_the_clock,
    ):
        assert rule(project) == []
    said = called(
        project,
        tenant,
        "-c",
        "from dbt.cli.main import cli; cli()",
        "test",
        *("--project-dir", str(project), "--profiles-dir", str(project)),
        *("--select", "test_type:unit,path:dbt_project/models/staging/zendesk"),
        "test_type:unit,path:dbt_project/models/staging/helpdesk",
    )
    assert "Completed successfully" in said
