with purchases as (

    select customer_id, purchase_date, net_amount
    from {{ ref('purchases') }}
    where customer_id is not null

)

select
    -- ids
    customer_id,

    -- timestamps
    purchase_date,

    -- measures
    cast(count_if(net_amount > 0) as bigint) as purchase_count,
    cast(sum(net_amount) as decimal(18, 2)) as net_amount
from purchases
group by customer_id, purchase_date
