{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{% if is_incremental() %}
        delete from {{ this }}
        where
            a in (select record_no from {{ ref('int_identity__dirty_records') }})
            or b in (select record_no from {{ ref('int_identity__dirty_records') }})
    {% endif %}"
) }}
-- depends_on: {{ ref('int_identity__dirty_records') }}

{{ scored_pairs(
    candidates=ref('int_identity__candidates'),
    profiles=ref('int_identity__profiles'),
    weights=ref('int_identity__weights'),
    some=is_incremental()
) }}
