{{ config(schema='vault') }}

with records as (

    select
        customer_id,
        email_match,
        phone_match
    from {{ ref('int_customers__person_records') }}

),

held as (

    select
        'email' as kind,
        email_match as match_value,
        customer_id
    from records
    where email_match is not null
    union all
    select
        'phone' as kind,
        phone_match as match_value,
        customer_id
    from records
    where phone_match is not null

)

select
    -- keys
    kind,
    match_value,

    -- ids
    min(customer_id) as customer_id
from held
group by kind, match_value
-- what two customers share says nothing about who wrote
having min(customer_id) = max(customer_id)
