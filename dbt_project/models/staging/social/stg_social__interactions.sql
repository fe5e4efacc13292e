{{ config(
    schema='vault',
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('interaction_id') }}"
) }}

with latest as (

    {{ latest_by_load_date(
        source('social', 'interactions'),
        name='social.interactions',
        key=['interaction_id'],
        cursor='interacted_at'
    ) }}

)

select
    -- ids
    interaction_id,
    {{ clean_text('product_id') }} as product_id,

    -- personal
    {{ clean_text('handle') }} as handle,
    -- networks write a handle with and without the sign, and in any case
    lower(
        {{ clean_text(
            "case when left(trim(handle), 1) = '@' then substr(trim(handle), 2) else handle end"
        ) }}
    ) as handle_match,
    {{ clean_text('email') }} as email,
    {{ email_match('email') }} as email_match,
    {{ clean_text('text') }} as interaction_text,

    -- properties
    lower({{ clean_text('network') }}) as network,
    {{ clean_text('kind') }} as kind,

    -- timestamps
    interacted_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
