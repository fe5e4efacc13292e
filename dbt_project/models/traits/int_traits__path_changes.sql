{{ config(
    materialized=kept_by_content(),
    incremental_strategy='delete+insert',
    unique_key='_version',
    on_schema_change='fail',
    post_hook="delete from {{ this }} where to_stage is null"
) }}

with versions as (

    -- the spans know which content they were made from
    select
        customer_id,
        category,
        {{ version_of_version(['_version']) }} as _version
    from {{ ref('int_traits__path_spans') }}

),

changed as (

    {{ changed_units('versions', ['customer_id', 'category']) }}

),

spans as (

    select
        spans.customer_id,
        spans.category,
        spans.kind,
        spans.start_cause,
        spans.end_cause,
        spans.is_gift,
        spans.is_returned,
        spans.started_at,
        spans.ended_at,
        spans.known_at
    from {{ ref('int_traits__path_spans') }} as spans
    semi join changed
        on spans.customer_id = changed.customer_id and spans.category = changed.category

),

ranks as (

    select
        stage,
        stage_rank
    from {{ ref('path_stages') }}

),

edges as (

    select
        customer_id,
        category,
        started_at as changed_at,
        kind,
        1 as step,
        start_cause as cause,
        known_at,
        is_gift,
        is_returned
    from spans
    union all
    select
        customer_id,
        category,
        ended_at as changed_at,
        kind,
        -1 as step,
        end_cause as cause,
        known_at,
        false as is_gift,
        false as is_returned
    from spans

),

moments as (

    select
        customer_id,
        category,
        changed_at,
        sum(case when kind = 'intent' then step else 0 end) as intent,
        sum(case when kind = 'inform' then step else 0 end) as inform,
        sum(case when kind = 'explore' then step else 0 end) as explore,
        sum(case when kind = 'purchase' then step else 0 end) as purchase,
        sum(case when kind = 'after_purchase' then step else 0 end) as after_purchase,
        sum(case when kind = 'open' then step else 0 end) as is_open,
        max(case when kind = 'intent' and step = 1 then cause end) as intent_cause,
        max(case when kind = 'inform' and step = 1 then cause end) as inform_cause,
        max(case when kind in ('explore', 'open') and step = 1 then cause end) as explore_cause,
        max(case when kind = 'purchase' and step = 1 then cause end) as purchase_cause,
        max(case
            when kind = 'after_purchase' and step = 1 or kind = 'purchase' and step = -1 then cause
        end) as after_purchase_cause,
        max(case when step = 1 then known_at end) as known_at,
        bool_or(kind = 'purchase' and step = 1 and is_gift) as is_gift,
        bool_or(kind = 'purchase' and step = 1 and is_returned) as is_returned
    from edges
    group by customer_id, category, changed_at

),

running as (

    select
        customer_id,
        category,
        changed_at,
        sum(intent) over so_far as intent,
        sum(inform) over so_far as inform,
        sum(explore) over so_far as explore,
        sum(purchase) over so_far as purchase,
        sum(after_purchase) over so_far as after_purchase,
        sum(is_open) over so_far as is_open,
        intent_cause,
        inform_cause,
        explore_cause,
        purchase_cause,
        after_purchase_cause,
        known_at,
        is_gift,
        is_returned
    from moments
    window so_far as (
        partition by customer_id, category
        order by changed_at
        rows between unbounded preceding and current row
    )

),

staged as (

    -- new interest counts for more than what was bought, and what was bought for more than a page
    select
        *,
        case
            when intent > 0 then 'intent'
            when inform > 0 then 'inform'
            when explore > 0 then 'explore'
            when purchase > 0 then 'purchase'
            when after_purchase > 0 then 'after_purchase'
            when is_open > 0 then 'explore'
            else 'dormant'
        end as stage
    from running

),

followed as (

    select
        *,
        lag(stage) over (partition by customer_id, category order by changed_at) as previous_stage
    from staged

),

changes as (

    select
        *,
        lag(changed_at) over (partition by customer_id, category order by changed_at)
            as previous_changed_at
    from followed
    where previous_stage is distinct from stage

)

select
    -- ids
    changed.customer_id,
    changed.category,

    -- properties
    changes.previous_stage as from_stage,
    changes.stage as to_stage,
    -- from nothing, from sleep and from what is bought a path begins anew
    changes.stage not in ('dormant', 'after_purchase')
    and to_ranks.stage_rank > 1 + case
        when changes.previous_stage in ('explore', 'inform', 'intent') then from_ranks.stage_rank
        else 0
    end as is_skip,
    coalesce(
        case changes.stage
            when 'intent' then changes.intent_cause
            when 'inform' then changes.inform_cause
            when 'explore' then changes.explore_cause
            when 'purchase' then changes.purchase_cause
            when 'after_purchase' then changes.after_purchase_cause
            when 'dormant' then 'timeout'
        end,
        'decay'
    ) as cause,
    changes.is_gift,
    changes.is_returned,

    -- timestamps
    changes.changed_at,
    greatest(changes.changed_at, coalesce(changes.known_at, changes.changed_at)) as known_at,

    -- measures
    cast(
        {{ seconds_between('changes.previous_changed_at', 'changes.changed_at') }} / 3600.0
        as decimal(18, 2)
    ) as dwell_hours,
    cast(
        {{ standing_of('changes.stage') }} - {{ standing_of('changes.previous_stage') }} as bigint
    ) as step,

    -- lineage
    changed._version
from changed
left join changes
    on changed.customer_id = changes.customer_id and changed.category = changes.category
left join ranks as to_ranks on changes.stage = to_ranks.stage
left join ranks as from_ranks on changes.previous_stage = from_ranks.stage
