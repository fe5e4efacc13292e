with invitations as (

    select
        invitation_id,
        account_id,
        member_id,
        email_match,
        survey,
        wave,
        sent_at
    from {{ ref('stg_survey__invitations') }}
    where sent_at < {{ as_of_end() }}

),

responses as (

    -- invitation and answer name the same person in the same way
    select distinct
        survey,
        wave,
        coalesce(account_id, member_id, email_match) as respondent,
        case when wave is null then sent_at end as sent_at
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

people as (

    select
        customer_id,
        country,
        region,
        rfm_segment
    from {{ ref('int_kpis__people') }}

)

select
    -- ids
    invitations.invitation_id,
    people.customer_id,

    -- properties
    invitations.survey,
    invitations.wave,
    responses.respondent is not null as is_answered,

    -- segments
    coalesce(people.country, 'unknown') as country,
    coalesce(people.region, 'unknown') as region,
    coalesce(people.rfm_segment, 'unknown') as rfm_segment,

    -- timestamps
    invitations.sent_at,
    {{ reporting_date('invitations.sent_at') }} as sent_date
from invitations
left join responses
    on
        invitations.survey = responses.survey
        and invitations.wave is not distinct from responses.wave
        and coalesce(invitations.account_id, invitations.member_id, invitations.email_match)
        = responses.respondent
        and (invitations.wave is not null or invitations.sent_at = responses.sent_at)
left join customer_records as by_account
    on
        by_account.source = 'shop.accounts'
        and invitations.account_id = by_account.source_record_id
left join customer_records as by_member
    on
        by_member.source = 'loyalty.members'
        and invitations.member_id = by_member.source_record_id
left join contact_points as by_email on invitations.email_match = by_email.match_value
left join people
    on
        coalesce(by_account.customer_id, by_member.customer_id, by_email.customer_id)
        = people.customer_id
