"""What somebody sees who opens the Dagster UI for the first time."""

from __future__ import annotations

import dagster as dg

from tests.tenant import Tenant


def test_every_asset_says_what_it_is_who_owns_it_and_how_fresh_it_must_be(tenant: Tenant) -> None:
    """On a home where nothing ever landed, as after a fresh clone."""
    from orchestration import definitions

    with tenant.environment():
        graph = definitions.build().resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert len(nodes) > 30
    for node in nodes:
        assert node.description, node.key
        assert node.owners, node.key
        assert node.kinds, node.key
        assert node.group_name != "default", node.key
        assert node.freshness_policy, node.key
        assert node.is_materializable, node.key


def test_gates_block(tenant: Tenant) -> None:
    from orchestration import definitions

    with tenant.environment():
        graph = definitions.build().resolve_asset_graph()
    gates = [key for key in graph.asset_check_keys if key.name.startswith("customers_")]
    assert dg.AssetCheckKey(dg.AssetKey(["customers", "purchases"]), "customers_purchases") in gates
    assert all(graph.get_check_spec(key).blocking for key in gates)


def test_every_check_says_what_it_asks(tenant: Tenant) -> None:
    from orchestration import definitions

    with tenant.environment():
        graph = definitions.build().resolve_asset_graph()
    said = {
        (*key.asset_key.path, key.name): graph.get_check_spec(key).description
        for key in graph.asset_check_keys
    }
    assert len(said) > 200
    assert not [key for key, description in said.items() if not description]
    assert said[
        "kpis", "kpi_nps", "is_key_kpi_nps_period_grain__period_start__segment_type__segment"
    ] == (
        "No two rows have the same `period_grain, period_start, segment_type, segment`; "
        "none lacks `period_grain, period_start, segment_type, segment`."
    )
    assert said["staging", "stg_shop__order_lines", "orders_and_lines_belong_together"] == (
        "Lines without an order make no purchase, and an order without lines makes an empty one: "
        "neither silently."
    )
