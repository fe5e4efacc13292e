with customer_records as (

    select
        customer_id,
        source_record_id
    from {{ ref('customer_records') }}
    where source = 'shop.accounts' and valid_to is null

),

contact_points as (

    select
        kind,
        match_value,
        customer_id
    from {{ ref('int_customers__contact_points') }}

),

social_acts as (

    select
        handle_match,
        email_match,
        interacted_at
    from {{ ref('stg_social__interactions') }}
    where interacted_at < {{ as_of_end() }}

),

handles as (

    -- whose a handle is, is known once it shows an address
    select
        social_acts.handle_match,
        min(contact_points.customer_id) as customer_id
    from social_acts
    inner join contact_points
        on contact_points.kind = 'email' and social_acts.email_match = contact_points.match_value
    where social_acts.handle_match is not null
    group by social_acts.handle_match
    having min(contact_points.customer_id) = max(contact_points.customer_id)

),

tickets as (

    select
        coalesce(customer_records.customer_id, emails.customer_id, phones.customer_id)
            as customer_id,
        tickets.channel,
        tickets.created_at
    from {{ ref('stg_helpdesk__tickets') }} as tickets
    left join customer_records on tickets.account_id = customer_records.source_record_id
    left join contact_points as emails
        on emails.kind = 'email' and tickets.requester_email_match = emails.match_value
    left join contact_points as phones
        on phones.kind = 'phone' and tickets.requester_phone_match = phones.match_value
    where tickets.created_at < {{ as_of_end() }} and not tickets.is_spam_or_deleted

)

select
    -- ids
    handles.customer_id,

    -- properties
    'social' as channel,
    true as is_social_act,

    -- timestamps
    cast(date_trunc('hour', social_acts.interacted_at) as timestamp) as hour_at
from social_acts
inner join handles on social_acts.handle_match = handles.handle_match
union all
select
    customer_id,
    channel,
    false as is_social_act,
    cast(date_trunc('hour', created_at) as timestamp) as hour_at
from tickets
where customer_id is not null and channel is not null
