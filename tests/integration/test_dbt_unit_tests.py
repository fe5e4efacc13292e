"""The unit tests of the models, run by dbt on a built warehouse."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.tenant import Tenant


def test_every_rule_in_the_models_holds(loaded: Tenant) -> None:
    from orchestration import settings, transform

    with loaded.environment():
        outcome = transform.invoke(
            settings.load(), date(2024, 3, 11), ["test", "--select", "test_type:unit"]
        )
    answer: Any = outcome.result
    failed = [
        f"{result.node.name}: {result.message}"
        for result in answer.results
        if result.status not in ("pass", "success")
    ]
    assert failed == []
    assert outcome.success
    assert len(answer.results) > 20
