with answers as (

    select
        response_id,
        account_id,
        member_id,
        ticket_id,
        order_id,
        email_match,
        survey,
        wave,
        score,
        scale_min,
        scale_max,
        case
            when wave is not null then 'relational'
            when ticket_id is not null then 'ticket'
            when order_id is not null then 'order'
            else 'relational'
        end as touchpoint,
        sent_at,
        answered_at
    from {{ ref('stg_survey__responses') }}
    where is_valid and answered_at < {{ as_of_end() }}

),

customer_records as (

    select
        customer_id,
        source,
        source_record_id
    from {{ ref('customer_records') }}
    where source in ('shop.accounts', 'loyalty.members') and valid_to is null

),

contact_points as (

    select
        match_value,
        customer_id
    from {{ ref('int_customers__contact_points') }}
    where kind = 'email'

),

tickets as (

    select
        ticket_id,
        customer_id,
        ticket_channel,
        topic,
        created_date
    from {{ ref('int_kpis__tickets') }}

),

purchases as (

    select
        source_record_id as order_id,
        customer_id,
        channel,
        purchase_date
    from {{ ref('purchases') }}
    where source = 'shop.orders'

),

deliveries as (

    select
        order_id,
        {{ reporting_date('delivered_at') }} > promised_date as is_late
    from {{ ref('stg_shop__orders') }}

),

main_categories as (

    {{ main_category_of_orders('answers') }}

),

people as (

    select
        customer_id,
        country,
        region,
        rfm_segment
    from {{ ref('int_kpis__people') }}

),

known as (

    select
        answers.*,
        coalesce(
            by_account.customer_id,
            by_member.customer_id,
            by_email.customer_id,
            purchases.customer_id,
            tickets.customer_id
        ) as customer_id,
        case answers.touchpoint
            when 'order' then coalesce(purchases.channel, 'unknown')
            when 'ticket' then coalesce(tickets.ticket_channel, 'unknown')
            else 'none'
        end as channel,
        case answers.touchpoint
            when 'ticket' then coalesce(tickets.topic, 'unknown')
            else 'none'
        end as topic,
        case answers.touchpoint
            when 'order' then coalesce(main_categories.category, 'unknown')
            else 'none'
        end as product_category,
        case
            when answers.touchpoint <> 'order' then 'none'
            when deliveries.is_late then 'late'
            when not deliveries.is_late then 'in time'
            else 'unknown'
        end as delivery,
        case answers.touchpoint
            when 'order' then purchases.purchase_date
            when 'ticket' then tickets.created_date
        end as interaction_date
    from answers
    left join customer_records as by_account
        on
            by_account.source = 'shop.accounts'
            and answers.account_id = by_account.source_record_id
    left join customer_records as by_member
        on
            by_member.source = 'loyalty.members'
            and answers.member_id = by_member.source_record_id
    left join contact_points as by_email on answers.email_match = by_email.match_value
    left join purchases on answers.order_id = purchases.order_id
    left join tickets on answers.ticket_id = tickets.ticket_id
    left join deliveries on answers.order_id = deliveries.order_id
    left join main_categories on answers.order_id = main_categories.order_id

),

questions as (

    select
        *,
        100 * (score - scale_min) / (scale_max - scale_min)
        >= {{ var('csat_satisfied_from') }} as is_satisfied,
        case
            when touchpoint = 'ticket' then 'ticket ' || ticket_id
            when touchpoint = 'order' then 'order ' || order_id
            else
                coalesce('wave ' || wave, 'sent ' || cast(sent_at as string), 'none')
                || ' '
                || coalesce(
                    customer_id,
                    'account ' || account_id,
                    'member ' || member_id,
                    email_match,
                    response_id
                )
        end as question
    from known

),

firsts as (

    select
        *,
        first_value(answered_at) over (
            partition by survey, question order by answered_at, response_id
        ) as first_answered_at,
        first_value(is_satisfied) over (
            partition by survey, question order by answered_at, response_id
        ) as was_satisfied
    from questions

),

in_time as (

    -- a wave ends with the wave; whoever corrects an answer otherwise does so soon
    select
        *,
        wave is not null
        or answered_at
        <= first_answered_at + interval '{{ var("survey_correction_days") }}' day as is_in_time
    from firsts

),

judged as (

    select
        *,
        is_in_time
        and row_number() over (
            partition by survey, question, is_in_time
            order by answered_at desc, response_id desc
        ) = 1 as is_counted
    from in_time

)

select
    -- ids
    judged.response_id,
    judged.customer_id,

    -- properties
    judged.survey,
    judged.touchpoint,
    judged.wave,
    cast(judged.scale_min as string) || '-' || cast(judged.scale_max as string) as survey_scale,
    judged.is_counted,
    judged.is_satisfied,
    judged.is_counted and judged.was_satisfied and not judged.is_satisfied as is_flip_to_bad,
    judged.is_counted and not judged.was_satisfied and judged.is_satisfied as is_flip_to_good,

    -- segments
    judged.channel,
    judged.topic,
    judged.product_category,
    judged.delivery,
    coalesce(people.country, 'unknown') as country,
    coalesce(people.region, 'unknown') as region,
    coalesce(people.rfm_segment, 'unknown') as rfm_segment,

    -- timestamps
    judged.sent_at,
    judged.answered_at,
    {{ reporting_date('judged.answered_at') }} as answered_date,
    judged.interaction_date,

    -- measures
    cast(judged.score as decimal(18, 4)) as score,
    cast(
        100 * (judged.score - judged.scale_min) / (judged.scale_max - judged.scale_min)
        as decimal(9, 4)
    ) as score_100
from judged
left join people on judged.customer_id = people.customer_id
