with recursive first_month as (

    select cast(date_trunc('month', min(purchase_date)) as date) as period_start
    from {{ ref('purchases') }}

),

months as (

    select period_start
    from first_month
    where period_start is not null
    union all
    select cast(period_start + interval '1' month as date) as period_start
    from months
    where cast(period_start + interval '1' month as date) <= {{ as_of() }}

)

select
    period_start,
    cast(period_start + interval '1' month as date) as period_end,
    cast(period_start + interval '1' month as date)
    > cast({{ as_of() }} + interval '1' day as date) as is_provisional
from months
