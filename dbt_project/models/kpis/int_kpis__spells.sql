with subscriptions as (

    -- what ends after the as-of day has not ended yet
    select
        subscription_id,
        account_id,
        member_id,
        coalesce(plan, 'unknown') as plan,
        end_reason,
        monthly_fee_amount,
        started_on,
        case when ended_on <= {{ as_of() }} then ended_on end as ended_on
    from {{ ref('stg_contracts__subscriptions') }}
    where not is_ended_before_started and started_on <= {{ as_of() }}

),

customer_records as (

    select
        customer_id,
        source,
        source_record_id
    from {{ ref('customer_records') }}
    where source in ('shop.accounts', 'loyalty.members') and valid_to is null

),

purchase_days as (

    select
        customer_id,
        purchase_date,
        net_amount,
        {{ days_between("cast('1900-01-01' as date)", 'purchase_date') }} as day_number
    from {{ ref('int_traits__purchase_days') }}
    where purchase_count > 0 and purchase_date <= {{ as_of() }}

),

subscribed as (

    select
        coalesce(
            by_account.customer_id,
            by_member.customer_id
        ) as customer_id,
        subscriptions.*
    from subscriptions
    left join customer_records as by_account
        on
            by_account.source = 'shop.accounts'
            and subscriptions.account_id = by_account.source_record_id
    left join customer_records as by_member
        on
            by_member.source = 'loyalty.members'
            and subscriptions.member_id = by_member.source_record_id

),

covered as (

    select
        *,
        max(coalesce(ended_on, cast('9999-12-31' as date))) over (
            partition by customer_id order by started_on, subscription_id
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from subscribed
    where customer_id is not null

),

numbered_subscriptions as (

    -- several at once, a switch of plan or a pause within the grace are one spell
    select
        *,
        sum(case
            when
                {{ days_between('covered_until', 'started_on') }}
                <= {{ var('termination_grace_days') }}
                then 0
            else 1
        end) over (
            partition by customer_id order by started_on, subscription_id
            rows between unbounded preceding and current row
        ) as spell_number
    from covered

),

ranked_subscriptions as (

    select
        *,
        row_number() over (
            partition by customer_id, spell_number order by started_on, subscription_id
        ) as place,
        row_number() over (
            partition by customer_id, spell_number
            order by ended_on desc nulls first, subscription_id desc
        ) as place_from_end,
        max(coalesce(ended_on, cast('9999-12-31' as date))) over (
            partition by customer_id, spell_number
        ) as spell_end
    from numbered_subscriptions

),

contract_spells as (

    select
        customer_id,
        spell_number,
        min(started_on) as started_on,
        max(case when place = 1 then plan end) as plan,
        max(case when place_from_end = 1 then ended_on end) as ended_on,
        max(case when place_from_end = 1 then end_reason end) as end_reason,
        sum(case
            when coalesce(ended_on, cast('9999-12-31' as date)) = spell_end then monthly_fee_amount
        end) as monthly_amount
    from ranked_subscriptions
    group by customer_id, spell_number

),

contracts as (

    -- who said to switch is lost only when the next plan does not come within the grace
    select
        'contract' as basis,
        customer_id,
        spell_number,
        plan,
        started_on,
        coalesce(ended_on, {{ as_of() }}) as last_active_on,
        case
            when
                coalesce(end_reason <> 'plan_switch', true)
                or {{ days_between('ended_on', as_of()) }} > {{ var('termination_grace_days') }}
                then ended_on
        end as lost_on,
        end_reason,
        ended_on as signals_until,
        cast(null as bigint) as threshold_days,
        cast(monthly_amount as decimal(18, 2)) as monthly_amount
    from contract_spells

),

gaps as (

    select
        *,
        day_number - lag(day_number) over (partition by customer_id order by purchase_date)
            as gap_days,
        lead(purchase_date) over (partition by customer_id order by purchase_date)
            as next_purchase_date
    from purchase_days

),

first_gaps as (

    -- of each customer one, or those who come often would speak for those who seldom do
    select gap_days
    from gaps
    where gap_days is not null
    qualify row_number() over (partition by customer_id order by purchase_date) = 1

),

usual as (

    select percentile_cont(0.9) within group (order by gap_days) as gap_days
    from first_gaps

),

own as (

    -- what was known on the day: later gaps do not change when somebody counted as lost
    select
        *,
        count(gap_days) over (
            partition by customer_id order by purchase_date
            rows between unbounded preceding and current row
        ) as gap_count,
        {{ running_percentile('gap_days', 0.9, 'customer_id', 'purchase_date') }} as own_gap_days,
        sum(net_amount) over (
            partition by customer_id order by day_number
            range between 364 preceding and current row
        ) as year_amount
    from gaps

),

expected as (

    select
        own.*,
        cast(ceil(greatest(
            {{ var('inactivity_floor_days') }},
            (
                own.gap_count * coalesce(own.own_gap_days, 0)
                + {{ var('inactivity_prior_gaps') }} * coalesce(usual.gap_days, 0)
            ) / (own.gap_count + {{ var('inactivity_prior_gaps') }})
        )) as integer) as threshold_days
    from own
    cross join usual

),

waited as (

    select
        *,
        {{ days_later('purchase_date', 'threshold_days') }} as due_on
    from expected

),

paused as (

    -- a purchase on the last day of the threshold is in time
    select
        *,
        case
            when due_on <= {{ as_of() }} and coalesce(due_on < next_purchase_date, true) then due_on
        end as lost_on
    from waited

),

numbered_purchases as (

    select
        *,
        count(lost_on) over (
            partition by customer_id order by purchase_date
            rows between unbounded preceding and 1 preceding
        ) + 1 as spell_number
    from paused

),

inactivity as (

    select
        'inactivity' as basis,
        customer_id,
        spell_number,
        'none' as plan,
        min(purchase_date) as started_on,
        max(purchase_date) as last_active_on,
        max(lost_on) as lost_on,
        cast(null as string) as end_reason,
        cast(
            max(purchase_date) + interval '{{ var("termination_aftermath_days") }}' day as date
        ) as signals_until,
        cast(max_by(threshold_days, purchase_date) as bigint) as threshold_days,
        cast(max_by(year_amount, purchase_date) / 12 as decimal(18, 2)) as monthly_amount
    from numbered_purchases
    group by customer_id, spell_number

),

spells as (

    select *
    from contracts
    union all
    select *
    from inactivity

)

select
    -- ids
    basis,
    customer_id,
    cast(spell_number as bigint) as spell_number,

    -- properties
    plan,
    spell_number = 1 as is_first,
    case when lost_on is not null then end_reason end as end_reason,

    -- dates
    started_on,
    last_active_on,
    lost_on,
    lead(started_on) over (partition by basis, customer_id order by spell_number) as returned_on,
    signals_until,

    -- measures
    threshold_days,
    monthly_amount
from spells
