{{ config(
    materialized=kept_by_content(),
    incremental_strategy='delete+insert',
    unique_key='_version',
    on_schema_change='fail',
    post_hook="delete from {{ this }} where kind is null"
) }}

{%- set timeout = "interval '" ~ var("path_timeout_days") ~ "' day" -%}
{%- set news = "interval '" ~ var("path_purchase_days") ~ "' day" -%}

with stages as (

    select
        stage,
        stage_rank,
        half_life_days,
        enter_evidence,
        exit_evidence
    from {{ ref('path_stages') }}
    where half_life_days is not null

),

rules as (

    select sum(cast({{ row_hash(
        ['stage', 'stage_rank', 'half_life_days', 'enter_evidence', 'exit_evidence']
    ) }} as decimal(38, 0))) as content
    from stages

),

versions as (

    select
        events.customer_id,
        events.category,
        {{ version_of_version(
            ['events._path_version', 'rules.content'],
            [var('path_timeout_days'), var('path_purchase_days'), var('path_evidence_half_lives')]
        ) }} as _version
    from {{ ref('int_traits__path_events') }} as events
    cross join rules

),

changed as (

    {{ changed_units('versions', ['customer_id', 'category']) }}

),

events as (

    select
        events.*,
        -- what began before a purchase led to it
        row_number() over (
            partition by events.customer_id, events.category
            order by
                events.began_at, case when events.stage = 'purchase' then 1 else 0 end,
                events.happened_at, events.stage
        ) as event_number,
        lag(events.happened_at) over (
            partition by events.customer_id, events.category
            order by
                events.began_at, case when events.stage = 'purchase' then 1 else 0 end,
                events.happened_at, events.stage
        ) as previous_at
    from {{ ref('int_traits__path_events') }} as events
    semi join changed
        on events.customer_id = changed.customer_id and events.category = changed.category

),

numbered as (

    -- a path ends with a purchase, or with the timeout
    select
        *,
        cast(count_if(stage = 'purchase') over (
            partition by customer_id, category
            order by event_number
            rows between unbounded preceding and current row
        ) as bigint) as purchase_number,
        cast(count_if(previous_at is not null and began_at >= previous_at + {{ timeout }}) over (
            partition by customer_id, category
            order by event_number
            rows between unbounded preceding and current row
        ) as bigint) as pause_number,
        min(case when stage = 'purchase' then happened_at end) over (
            partition by customer_id, category
            order by event_number
            rows between 1 following and unbounded following
        ) as next_purchase_at
    from events

),

looks as (

    select
        numbered.customer_id,
        numbered.category,
        numbered.purchase_number,
        numbered.pause_number,
        numbered.event_number,
        stages.stage_rank,
        numbered.cause,
        numbered.known_at,
        numbered.weight,
        numbered.next_purchase_at,
        -- an hour in which a purchase was made may go on after it
        least(numbered.happened_at, coalesce(numbered.next_purchase_at, numbered.happened_at))
            as happened_at
    from numbered
    inner join stages on numbered.stage = stages.stage

),

evidence as (

    -- who has a product in the cart has looked at it: what speaks for a stage speaks for those
    -- below it, whose evidence fades later. Decimals, because doubles added up in another order
    -- differ
    select
        looks.customer_id,
        looks.category,
        looks.purchase_number,
        looks.pause_number,
        looks.event_number,
        stages.stage,
        stages.stage_rank,
        stages.half_life_days,
        stages.enter_evidence,
        stages.exit_evidence,
        looks.cause,
        looks.happened_at,
        looks.weight,
        looks.next_purchase_at,
        bool_or(earlier.stage_rank = stages.stage_rank) as has_own_events,
        max(earlier.known_at) as known_at,
        sum(cast(
            earlier.weight * power(
                cast(0.5 as double),
                {{ seconds_between('earlier.happened_at', 'looks.happened_at') }}
                / (86400.0 * stages.half_life_days)
            ) as decimal(18, 9)
        )) as evidence
    from looks
    inner join stages on looks.stage_rank >= stages.stage_rank
    inner join looks as earlier
        on
            looks.customer_id = earlier.customer_id
            and looks.category = earlier.category
            and looks.purchase_number = earlier.purchase_number
            and looks.pause_number = earlier.pause_number
            and looks.event_number >= earlier.event_number
            and stages.stage_rank <= earlier.stage_rank
    where
        {{ seconds_between('earlier.happened_at', 'looks.happened_at') }}
        <= 86400 * {{ var("path_evidence_half_lives") }} * stages.half_life_days
    group by all

),

runs as (

    -- a run ends where the evidence has faded below the exit before the next event
    select
        *,
        count_if(evidence - weight < exit_evidence) over (
            partition by customer_id, category, purchase_number, pause_number, stage
            order by event_number
            rows between unbounded preceding and current row
        ) as run_number
    from evidence

),

stage_runs as (

    select
        customer_id,
        category,
        purchase_number,
        pause_number,
        stage,
        half_life_days,
        exit_evidence,
        next_purchase_at,
        min(case when evidence >= enter_evidence then happened_at end) as started_at,
        min_by(cause, event_number) filter (where evidence >= enter_evidence) as start_cause,
        min_by(known_at, event_number) filter (where evidence >= enter_evidence) as known_at,
        max(happened_at) as last_event_at,
        max_by(evidence, event_number) as evidence,
        bool_or(has_own_events) as has_own_events
    from runs
    group by
        customer_id, category, purchase_number, pause_number, stage, half_life_days,
        exit_evidence, next_purchase_at, run_number
    having bool_or(evidence >= enter_evidence)

),

active as (

    -- when a run's evidence will have faded is known from its last event
    select
        customer_id,
        category,
        purchase_number,
        pause_number,
        stage as kind,
        started_at,
        least(
            {{ seconds_later(
                'last_event_at',
                'cast(floor(86400 * half_life_days * ln(evidence / exit_evidence) / ln(2)) as bigint)'
            ) }},
            cast(last_event_at + {{ timeout }} as timestamp),
            coalesce(next_purchase_at, last_event_at + {{ timeout }})
        ) as ended_at,
        start_cause,
        'decay' as end_cause,
        known_at,
        last_event_at,
        evidence,
        has_own_events
    from stage_runs

),

open_paths as (

    -- every look speaks for the lowest stage
    select
        customer_id,
        category,
        purchase_number,
        pause_number,
        'open' as kind,
        min(happened_at) as started_at,
        least(
            cast(max(happened_at) + {{ timeout }} as timestamp),
            coalesce(min(next_purchase_at), max(happened_at) + {{ timeout }})
        ) as ended_at,
        min_by(cause, event_number) as start_cause,
        'timeout' as end_cause,
        min_by(known_at, event_number) as known_at,
        max(happened_at) as last_event_at,
        max_by(evidence, event_number) as evidence,
        bool_or(has_own_events) as has_own_events
    from evidence
    where stage_rank = 1
    group by customer_id, category, purchase_number, pause_number

),

purchased as (

    select
        customer_id,
        category,
        purchase_number,
        pause_number,
        min(happened_at) as started_at,
        max(happened_at) as last_event_at,
        min(next_purchase_at) as next_purchase_at,
        min_by(cause, event_number) as start_cause,
        min_by(known_at, event_number) as known_at,
        min(case when stage = 'purchase' then happened_at end) as purchased_at,
        min(case when stage = 'after_purchase' then happened_at end) as after_at,
        min_by(cause, event_number) filter (where stage = 'after_purchase') as after_cause,
        bool_or(is_gift) as is_gift,
        bool_or(is_returned) as is_returned,
        sum(weight) as weight
    from numbered
    where stage in ('purchase', 'after_purchase')
    group by customer_id, category, purchase_number, pause_number

),

news as (

    -- a purchase is news for some days, or until something is done about it
    select
        *,
        least(
            cast(purchased_at + {{ news }} as timestamp),
            coalesce(after_at, purchased_at + {{ news }}),
            coalesce(next_purchase_at, purchased_at + {{ news }})
        ) as news_until_at
    from purchased

),

spans as (

    select
        customer_id,
        category,
        purchase_number,
        pause_number,
        kind,
        start_cause,
        end_cause,
        has_own_events,
        false as is_gift,
        false as is_returned,
        started_at,
        ended_at,
        known_at,
        last_event_at,
        evidence
    from active
    where started_at < ended_at
    union all
    select
        customer_id,
        category,
        purchase_number,
        pause_number,
        kind,
        start_cause,
        end_cause,
        has_own_events,
        false as is_gift,
        false as is_returned,
        started_at,
        ended_at,
        known_at,
        last_event_at,
        evidence
    from open_paths
    union all
    select
        customer_id,
        category,
        purchase_number,
        pause_number,
        'purchase' as kind,
        'purchase' as start_cause,
        case when after_at = news_until_at then after_cause else 'elapsed' end as end_cause,
        true as has_own_events,
        is_gift,
        is_returned,
        purchased_at as started_at,
        news_until_at as ended_at,
        known_at,
        purchased_at as last_event_at,
        cast(1 as decimal(18, 9)) as evidence
    from news
    where purchased_at is not null
    union all
    select
        customer_id,
        category,
        purchase_number,
        pause_number,
        'after_purchase' as kind,
        start_cause,
        'timeout' as end_cause,
        true as has_own_events,
        false as is_gift,
        false as is_returned,
        started_at,
        least(
            cast(last_event_at + {{ timeout }} as timestamp),
            coalesce(next_purchase_at, last_event_at + {{ timeout }})
        ) as ended_at,
        known_at,
        last_event_at,
        cast(weight as decimal(18, 9)) as evidence
    from news

)

select
    -- ids
    changed.customer_id,
    changed.category,
    spans.purchase_number,
    spans.pause_number,

    -- properties
    spans.kind,
    spans.start_cause,
    spans.end_cause,
    spans.has_own_events,
    spans.is_gift,
    spans.is_returned,

    -- timestamps
    spans.started_at,
    spans.ended_at,
    spans.known_at,
    spans.last_event_at,

    -- measures
    spans.evidence,

    -- lineage
    changed._version
from changed
left join spans on changed.customer_id = spans.customer_id and changed.category = spans.category
