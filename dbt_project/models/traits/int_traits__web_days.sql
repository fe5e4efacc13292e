{{ config(
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('event_date') }}"
) }}

with versions as (

    {{ load_date_versions(ref('stg_web__events'), also="'" ~ reporting_timezone() ~ "'") }}

),

changed as (

    {{ changed_load_dates('versions') }}

),

days as (

    -- the pages of a visit are many, its days few
    select
        _load_date,
        {{ reporting_date('event_at') }} as event_date,
        device_id,
        account_id,
        product_id,
        event_type,
        count(*) as event_count
    from {{ ref('stg_web__events') }}
    where
        _load_date in (select changed._load_date from changed)
        and event_type is not null
        and (device_id is not null or account_id is not null)
        and not is_clock_skewed
    group by
        _load_date, device_id, account_id, product_id, event_type, {{ reporting_date('event_at') }}

)

select
    -- ids
    days.device_id,
    days.account_id,
    days.product_id,

    -- properties
    days.event_type,

    -- timestamps
    days.event_date,

    -- measures
    cast(days.event_count as bigint) as event_count,

    -- lineage
    changed._load_date,
    changed._version
from changed
left join days on changed._load_date = days._load_date
