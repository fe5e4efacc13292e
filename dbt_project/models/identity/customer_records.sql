{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_contended(\"source || ':' || source_record_id\") }}"
) }}
-- depends_on: {{ ref('int_identity__contended_records') }}

with history as (

    select
        customer_id,
        source,
        source_record_id,
        link_rule,
        link_weight,
        valid_from,
        valid_to
    from {{ ref('int_identity__assignment_history') }}
    {{ where_contended('record_key') }}

)

select
    -- ids
    customer_id,
    source,
    source_record_id,

    -- properties
    link_rule,
    link_weight,

    -- timestamps
    valid_from,
    valid_to
from history
-- what two runs of one day assigned and took back was never so
where valid_to is null or valid_from < valid_to
