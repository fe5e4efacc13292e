-- an id that was published once lives, leads to one that lives, or all of its records went away
{{ config(meta={'dagster': {'ref': {'name': 'customer_redirects'}}}) }}

with live as (

    select distinct customer_id
    from {{ ref('customer_records') }}
    where valid_to is null

)

select redirects.old_customer_id as customer_id
from {{ ref('customer_redirects') }} as redirects
left join live on redirects.customer_id = live.customer_id
left join live as living on redirects.old_customer_id = living.customer_id
where live.customer_id is null or living.customer_id is not null
union all
select customers.customer_id
from {{ ref('int_identity__customers') }} as customers
left join live on customers.customer_id = live.customer_id
where (customers.state = 'live') <> (live.customer_id is not null)
