with orders as (

    -- what was a gift tells of somebody else's taste
    select
        'shop.orders:' || order_id as purchase_id,
        order_id
    from {{ ref('stg_shop__orders') }}
    where not is_cancelled and not is_gift

),

purchases as (

    select
        purchase_id,
        customer_id,
        purchased_at,
        purchase_date
    from {{ ref('purchases') }}
    where customer_id is not null and not is_gift

),

returned as (

    select
        order_id,
        line_number
    from {{ ref('stg_shop__returns') }}
    where returned_at < {{ as_of_end() }}
    group by order_id, line_number

),

lines as (

    -- nobody chose what came for nothing, and a line below zero brings something back
    select
        'pos.receipts:' || receipt_id as purchase_id,
        product_id,
        false as is_returned
    from {{ ref('stg_pos__receipt_lines') }}
    where sales_amount > 0
    union all
    select
        orders.purchase_id,
        lines.product_id,
        returned_lines.order_id is not null or returned_orders.order_id is not null as is_returned
    from {{ ref('stg_shop__order_lines') }} as lines
    inner join orders on lines.order_id = orders.order_id
    left join returned as returned_lines
        on
            lines.order_id = returned_lines.order_id
            and lines.line_number = returned_lines.line_number
    left join returned as returned_orders
        on lines.order_id = returned_orders.order_id and returned_orders.line_number is null
    where lines.sales_amount > 0

),

bought as (

    select
        purchases.customer_id,
        lines.product_id,
        purchases.purchase_date as acted_on,
        min(purchases.purchased_at) as acted_at,
        bool_and(lines.is_returned) as is_returned
    from lines
    inner join purchases on lines.purchase_id = purchases.purchase_id
    where lines.product_id is not null
    group by purchases.customer_id, lines.product_id, purchases.purchase_date

),

looked_at as (

    -- the strongest thing done with a product on a day counts, not each page of it
    select
        customer_id,
        product_id,
        event_date as acted_on,
        max({{ browse_weight('event_type') }}) as weight
    from {{ ref('int_traits__browsing_days') }}
    where
        product_id is not null
        and {{ browse_weight('event_type') }} is not null
    group by customer_id, product_id, event_date

),

ever_bought as (

    select
        customer_id,
        product_id
    from bought
    group by customer_id, product_id

),

considered as (

    -- to look before buying is no second choice, nor is to look again
    select
        looked_at.customer_id,
        looked_at.product_id,
        looked_at.acted_on,
        looked_at.weight,
        ever_bought.customer_id is null
        and looked_at.acted_on = min(looked_at.acted_on) over (
            partition by looked_at.customer_id, looked_at.product_id
        ) as is_choice
    from looked_at
    left join ever_bought
        on
            looked_at.customer_id = ever_bought.customer_id
            and looked_at.product_id = ever_bought.product_id

),

accounts as (

    select
        customer_id,
        source_record_id as account_id
    from {{ ref('customer_records') }}
    where source = 'shop.accounts' and valid_to is null

),

reviewed as (

    select
        accounts.customer_id,
        reviews.product_id,
        {{ reporting_date('reviews.reviewed_at') }} as acted_on,
        max(reviews.stars) as stars
    from {{ ref('stg_reviews__product_reviews') }} as reviews
    inner join accounts on reviews.account_id = accounts.account_id
    where
        reviews.reviewed_at < {{ as_of_end() }}
        and reviews.product_id is not null
        and reviews.stars is not null
    group by accounts.customer_id, reviews.product_id, {{ reporting_date('reviews.reviewed_at') }}

),

acts as (

    select
        customer_id,
        product_id,
        acted_on,
        acted_at,
        'purchase' as kind,
        not is_returned as is_choice,
        {{ var('purchase_weight') }}
        + case when is_returned then {{ var('return_weight') }} else 0 end
        + case
            when
                row_number() over (
                    partition by customer_id, product_id order by acted_on
                ) > 1
                then {{ var('repeat_purchase_weight') }}
            else 0
        end as weight
    from bought
    union all
    select
        customer_id,
        product_id,
        acted_on,
        cast(acted_on + interval '1' day as timestamp) as acted_at,
        'browse' as kind,
        is_choice,
        weight
    from considered
    union all
    select
        customer_id,
        product_id,
        acted_on,
        cast(acted_on + interval '1' day as timestamp) as acted_at,
        'review' as kind,
        false as is_choice,
        (stars - 3) * {{ var('review_star_weight') }} as weight
    from reviewed

)

select
    -- ids
    acts.customer_id,
    acts.product_id,
    versions.valid_from as product_valid_from,

    -- properties
    acts.kind,
    acts.is_choice,

    -- timestamps
    acts.acted_on,

    -- measures
    cast(
        acts.weight * power(
            0.5e0,
            cast({{ days_between('acts.acted_on', as_of()) }} as double)
            / case
                when acts.kind = 'browse' then {{ var('browse_half_life_days') }}
                else {{ var('purchase_half_life_days') }}
            end
        ) as decimal(18, 9)
    ) as weight
from acts
inner join {{ ref('stg_catalogue__product_versions') }} as versions
    on
        acts.product_id = versions.product_id
        and acts.acted_at >= versions.valid_from
        and (acts.acted_at < versions.valid_to or versions.valid_to is null)
