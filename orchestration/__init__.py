"""Dagster and the edges of the system: settings, feeds in, dbt, gates, publication out.

No business rule lives here; those are SQL, in `dbt_project/`.
"""
