with days as (

    select
        customer_id,
        purchase_date,
        net_amount
    from {{ ref('int_traits__purchase_days') }}
    where net_amount > 0

),

observed as (

    -- a customer is watched from the first purchase on
    select
        days.customer_id,
        customers.country,
        min(days.purchase_date) as first_date,
        {{ days_between('min(days.purchase_date)', as_of()) }} + 1 as observed_days,
        sum(days.net_amount) as net_amount
    from days
    inner join {{ ref('customers') }} as customers on days.customer_id = customers.customer_id
    group by days.customer_id, customers.country

),

seasons as (

    -- once for each time it comes, in the customer's own country
    select
        event_code,
        kind,
        country,
        shopping_start_date,
        end_date
    from {{ ref('stg_calendar__events') }}
    where
        end_date <= {{ as_of() }}
        -- what somebody buys for a feast may tell what they believe
        and (kind <> 'religious' or {{ var('sensitive_inferences') }})

),

watched_seasons as (

    select
        observed.customer_id,
        observed.observed_days,
        observed.net_amount,
        seasons.event_code,
        seasons.shopping_start_date,
        seasons.end_date,
        {{ days_between('seasons.shopping_start_date', 'seasons.end_date') }} + 1 as window_days
    from observed
    inner join seasons
        on
            observed.first_date <= seasons.shopping_start_date
            and (seasons.country is null or observed.country = seasons.country)
    where observed.observed_days >= {{ var('season_min_observed_days') }}

),

season_days as (

    select
        days.customer_id,
        days.purchase_date,
        days.net_amount,
        seasons.event_code,
        seasons.shopping_start_date
    from days
    inner join seasons
        on days.purchase_date between seasons.shopping_start_date and seasons.end_date

),

bought as (

    select
        customer_id,
        event_code,
        shopping_start_date,
        count(*) as purchase_days,
        sum(net_amount) as net_amount
    from season_days
    group by customer_id, event_code, shopping_start_date

),

counted as (

    select
        watched_seasons.customer_id,
        watched_seasons.event_code,
        max(watched_seasons.observed_days) as observed_days,
        max(watched_seasons.net_amount) as net_amount,
        count(*) as seasons_observed,
        count(bought.customer_id) as seasons_bought,
        sum(watched_seasons.window_days) as window_days,
        coalesce(sum(bought.purchase_days), 0) as event_purchase_days,
        coalesce(sum(bought.net_amount), 0) as event_net_amount
    from watched_seasons
    left join bought
        on
            watched_seasons.customer_id = bought.customer_id
            and watched_seasons.event_code = bought.event_code
            and watched_seasons.shopping_start_date = bought.shopping_start_date
    group by watched_seasons.customer_id, watched_seasons.event_code
    having count(bought.customer_id) > 0

),

indexed as (

    select
        *,
        cast(event_net_amount as double) / cast(net_amount as double)
        / (cast(window_days as double) / observed_days) as seasonal_index
    from counted

)

select
    -- ids
    customer_id,
    event_code,

    -- properties
    seasonal_index >= {{ var('season_min_index') }}
    and seasons_bought >= {{ var('season_min_recurring') }} as is_recurring,
    seasonal_index >= {{ var('season_min_index') }}
    and event_purchase_days >= least({{ var('season_min_purchase_days') }}, window_days)
    and seasons_bought < {{ var('season_min_recurring') }} as is_candidate,

    -- measures
    seasonal_index as index,
    cast(seasons_observed as bigint) as seasons_observed,
    cast(seasons_bought as bigint) as seasons_bought,
    cast(event_purchase_days as bigint) as event_purchase_days,
    cast(event_net_amount as decimal(18, 2)) as event_net_amount
from indexed
