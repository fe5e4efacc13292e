with purchase_days as (

    select
        customer_id,
        purchase_count,
        net_amount,
        case when purchase_count > 0 then purchase_date end as bought_on,
        purchase_date > cast(
            {{ as_of() }} - interval '{{ var("rfm_window_months") }}' month as date
        ) as is_in_window
    from {{ ref('int_traits__purchase_days') }}

)

select
    -- ids
    customer_id,

    -- measures
    cast({{ days_between('max(bought_on)', as_of()) }} as bigint) as recency_days,
    cast(count_if(is_in_window and purchase_count > 0) as bigint) as frequency_days,
    cast(sum(case when is_in_window then net_amount else 0 end) as decimal(18, 2))
        as monetary_amount
from purchase_days
group by customer_id
-- money back without a purchase is not a purchase
having sum(purchase_count) > 0
