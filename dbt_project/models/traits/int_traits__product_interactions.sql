{{ config(
    materialized=kept_by_content(),
    incremental_strategy='delete+insert',
    unique_key='_version',
    on_schema_change='fail',
    post_hook="delete from {{ this }} where product_id is null"
) }}

with versions as (

    {{ versions_of_customers(
        ref('int_traits__customer_contents'),
        ['looks', 'purchases', 'lines', 'orders', 'returns', 'reviews'],
        [var('purchase_weight'), var('return_weight'), var('repeat_purchase_weight'),
         var('review_star_weight'), var('browse_weights')]
    ) }}

),

changed as (

    {{ changed_units('versions') }}

),

orders as (

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
    where not is_gift and customer_id in (select changed.customer_id from changed)

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

bought_lines as (

    select
        purchases.customer_id,
        lines.product_id,
        purchases.purchase_date,
        purchases.purchased_at,
        lines.is_returned
    from lines
    inner join purchases on lines.purchase_id = purchases.purchase_id
    where lines.product_id is not null

),

looks as (

    select
        customer_id,
        product_id,
        event_date as acted_on,
        {{ browse_weight('event_type') }} as weight
    from {{ ref('int_traits__browsing_days') }}
    where
        product_id is not null
        and {{ browse_weight('event_type') }} is not null
        and customer_id in (select changed.customer_id from changed)

),

accounts as (

    select
        customer_id,
        source_record_id as account_id
    from {{ ref('customer_records') }}
    where
        source = 'shop.accounts'
        and valid_to is null
        and customer_id in (select changed.customer_id from changed)

),

ratings as (

    select
        accounts.customer_id,
        reviews.product_id,
        {{ reporting_date('reviews.reviewed_at') }} as acted_on,
        reviews.stars
    from {{ ref('stg_reviews__product_reviews') }} as reviews
    inner join accounts on reviews.account_id = accounts.account_id
    where
        reviews.reviewed_at < {{ as_of_end() }}
        and reviews.product_id is not null
        and reviews.stars is not null

),

products as (

    select
        product_id,
        valid_from,
        valid_to
    from {{ ref('int_traits__product_versions') }}

),

bought as (

    select
        customer_id,
        product_id,
        purchase_date as acted_on,
        min(purchased_at) as acted_at,
        bool_and(is_returned) as is_returned
    from bought_lines
    group by customer_id, product_id, purchase_date

),

looked_at as (

    -- the strongest thing done with a product on a day counts, not each page of it
    select
        customer_id,
        product_id,
        acted_on,
        max(weight) as weight
    from looks
    group by customer_id, product_id, acted_on

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

reviewed as (

    select
        customer_id,
        product_id,
        acted_on,
        max(stars) as stars
    from ratings
    group by customer_id, product_id, acted_on

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

),

dated as (

    select
        acts.*,
        products.valid_from as product_valid_from
    from acts
    inner join products
        on
            acts.product_id = products.product_id
            and acts.acted_at >= products.valid_from
            and (acts.acted_at < products.valid_to or products.valid_to is null)

)

select
    -- ids
    changed.customer_id,
    dated.product_id,
    dated.product_valid_from,

    -- properties
    dated.kind,
    dated.is_choice,

    -- timestamps
    dated.acted_on,

    -- measures
    cast(dated.weight as decimal(18, 9)) as weight,

    -- lineage
    changed._version
from changed
left join dated on changed.customer_id = dated.customer_id
