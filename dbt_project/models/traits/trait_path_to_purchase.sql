with stages as (

    select
        stage,
        half_life_days,
        enter_evidence,
        may_receive_price_offer
    from {{ ref('path_stages') }}

),

latest as (

    select
        customer_id,
        category,
        to_stage as stage,
        changed_at
    from {{ ref('path_transitions') }}
    qualify row_number() over (partition by customer_id, category order by changed_at desc) = 1

),

spans as (

    select
        customer_id,
        category,
        case kind when 'open' then 'explore' else kind end as stage,
        kind,
        is_gift,
        is_returned,
        started_at,
        ended_at,
        last_event_at,
        evidence
    from {{ ref('int_traits__path_spans') }}

),

seen as (

    select
        customer_id,
        category,
        max(last_event_at) as last_evidence_at,
        max(case
            when kind = 'purchase' and not is_gift and not is_returned then started_at
        end) as last_bought_at
    from spans
    where started_at < {{ as_of_end() }}
    group by customer_id, category

),

running as (

    -- a path of which a run of exploring is known is open as well; the evidence is the same
    select
        customer_id,
        category,
        stage,
        max(last_event_at) as last_event_at,
        max_by(evidence, last_event_at) as evidence
    from spans
    where started_at < {{ as_of_end() }} and ended_at >= {{ as_of_end() }}
    group by customer_id, category, stage

),

measured as (

    select
        latest.customer_id,
        latest.category,
        latest.stage,
        latest.changed_at,
        seen.last_evidence_at,
        seen.last_bought_at,
        stages.may_receive_price_offer,
        stages.half_life_days is null and latest.stage <> 'dormant' as is_recorded,
        stages.enter_evidence,
        cast(
            running.evidence * power(
                cast(0.5 as double),
                {{ seconds_between('running.last_event_at', as_of_end()) }}
                / (86400.0 * stages.half_life_days)
            ) as decimal(18, 3)
        ) as evidence
    from latest
    inner join seen
        on latest.customer_id = seen.customer_id and latest.category = seen.category
    inner join stages on latest.stage = stages.stage
    left join running
        on
            latest.customer_id = running.customer_id
            and latest.category = running.category
            and latest.stage = running.stage

),

customers as (

    select
        customer_id,
        can_email,
        can_sms,
        can_personalise
    from {{ ref('customers') }}

),

push_consents as (

    select customer_id
    from {{ ref('int_customers__consents') }}
    where purpose = 'marketing' and medium = 'push' and is_allowed

),

customer_records as (

    select
        customer_id,
        source,
        source_record_id
    from {{ ref('customer_records') }}
    where valid_to is null

),

contact_points as (

    select
        kind,
        match_value,
        customer_id
    from {{ ref('int_customers__contact_points') }}

),

tickets as (

    select
        account_id,
        requester_email_match,
        requester_phone_match
    from {{ ref('stg_helpdesk__tickets') }}
    where
        not is_closed
        and created_at < {{ as_of_end() }}
        and created_at >= {{ as_of_end() }}
        - interval '{{ var("offer_complaint_days") }}' day

),

complaining as (

    select customer_records.customer_id
    from tickets
    inner join customer_records
        on
            customer_records.source = 'shop.accounts'
            and tickets.account_id = customer_records.source_record_id
    union
    select contact_points.customer_id
    from tickets
    inner join contact_points
        on
            contact_points.kind = 'email'
            and tickets.requester_email_match = contact_points.match_value
    union
    select contact_points.customer_id
    from tickets
    inner join contact_points
        on
            contact_points.kind = 'phone'
            and tickets.requester_phone_match = contact_points.match_value

),

written_to as (

    select customer_id
    from {{ ref('int_traits__messages') }}
    where
        hour_at >= {{ as_of_end() }}
        - interval '{{ var("offer_message_cap_days") }}' day
    group by customer_id
    having sum(delivered_count) >= {{ var("offer_message_cap") }}

),

controls as (

    select
        assignments.member_id,
        assignments.account_id
    from {{ ref('stg_offers__assignments') }} as assignments
    inner join {{ ref('stg_offers__campaigns') }} as campaigns
        on assignments.campaign_id = campaigns.campaign_id
    where
        assignments.arm = 'control'
        and {{ as_of() }} between campaigns.starts_on and campaigns.ends_on

),

held_out as (

    select customer_records.customer_id
    from controls
    inner join customer_records
        on
            customer_records.source = 'loyalty.members'
            and controls.member_id = customer_records.source_record_id
    union
    select customer_records.customer_id
    from controls
    inner join customer_records
        on
            customer_records.source = 'shop.accounts'
            and controls.account_id = customer_records.source_record_id

),

judged as (

    -- always in this order: what the person said, what the person did, what we did
    select
        measured.*,
        nullif(
            concat_ws(
                ', ',
                case
                    when
                        not customers.can_personalise
                        or not (
                            customers.can_email
                            or customers.can_sms
                            or push_consents.customer_id is not null
                        )
                        then 'no_consent'
                end,
                case when complaining.customer_id is not null then 'open_complaint' end,
                case
                    when
                        measured.last_bought_at >= {{ as_of_end() }}
                        - interval '{{ var("offer_bought_days") }}' day
                        then 'bought_recently'
                end,
                case when written_to.customer_id is not null then 'frequency_cap' end,
                case when not measured.may_receive_price_offer then 'stage_not_allowed' end,
                case when held_out.customer_id is not null then 'control_group' end
            ),
            ''
        ) as blocked_by
    from measured
    inner join customers on measured.customer_id = customers.customer_id
    left join push_consents on measured.customer_id = push_consents.customer_id
    left join complaining on measured.customer_id = complaining.customer_id
    left join written_to on measured.customer_id = written_to.customer_id
    left join held_out on measured.customer_id = held_out.customer_id

)

select
    -- ids
    customer_id,
    category,

    -- properties
    stage,
    blocked_by is null as may_receive_price_offer,
    blocked_by,

    -- timestamps
    changed_at as entered_at,
    last_evidence_at,

    -- measures
    evidence,
    cast(
        case
            when is_recorded then 1
            else 1 - power(cast(0.5 as double), evidence / enter_evidence)
        end as decimal(9, 3)
    ) as confidence
from judged
