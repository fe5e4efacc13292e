{%- set dimensions = [
    'category', 'brand', 'designer', 'price_band', 'color', 'material', 'size',
] -%}

with price_borders as (

    -- cheap and dear are said within a category
    select
        category,
        percentile_cont({{ 1 / 3 }}) within group (order by list_price_amount) as low_until,
        percentile_cont({{ 2 / 3 }}) within group (order by list_price_amount) as high_from
    from {{ ref('stg_catalogue__products') }}
    where category is not null and list_price_amount is not null
    group by category

),

products as (

    -- as they were: what was red when it was bought was bought red
    select
        versions.product_id,
        versions.valid_from,
        versions.category,
        versions.brand,
        versions.designer,
        case
            when versions.list_price_amount < price_borders.low_until then 'low'
            when versions.list_price_amount >= price_borders.high_from then 'high'
            when versions.list_price_amount is not null then 'middle'
        end as price_band,
        versions.color,
        versions.material,
        versions.size
    from {{ ref('stg_catalogue__product_versions') }} as versions
    left join price_borders on versions.category = price_borders.category
    where versions.category is not null

),

interactions as (

    select
        interactions.customer_id,
        products.category,
        products.brand,
        products.designer,
        products.price_band,
        products.color,
        products.material,
        products.size,
        interactions.acted_on,
        interactions.is_choice,
        interactions.kind <> 'browse' as is_purchase,
        interactions.weight
    from {{ ref('int_traits__product_interactions') }} as interactions
    inner join products
        on
            interactions.product_id = products.product_id
            and interactions.product_valid_from = products.valid_from

),

{#- several things of one category in a basket are one decision -#}
{%- set day_counts = [
    'count(distinct case when is_choice then acted_on end)',
    'count(distinct case when is_choice and is_purchase then acted_on end)',
] -%}
{%- set thing_counts = ['count_if(is_choice)', 'count_if(is_choice and is_purchase)'] %}

valued as (

    {% for dimension in dimensions %}
        {% set counts = day_counts if dimension == 'category' else thing_counts %}
        select
            customer_id,
            '{{ dimension }}' as dimension,
            {{ dimension }} as value,
            category,
            {{ counts[0] }} as choice_count,
            {{ counts[1] }} as bought_count,
            min(acted_on) as first_acted_on,
            sum(weight) as weight,
            sum(case when is_purchase then weight else 0 end) as bought_weight,
            max(acted_on) as last_acted_on
        from interactions
        where {{ dimension }} is not null
        group by customer_id, {{ dimension }}, category
        {{ 'union all' if not loop.last }}
    {%- endfor %}

),

category_totals as (

    select
        customer_id,
        category,
        count_if(is_choice) as choice_count,
        count_if(is_choice and is_purchase) as bought_count,
        sum(weight) as weight,
        sum(case when is_purchase then weight else 0 end) as bought_weight
    from interactions
    group by customer_id, category

),

category_sums as (

    select category, sum(choice_count) as choice_count
    from category_totals
    group by category

),

rates as (

    -- how often everybody chooses a value where the category offers it
    select
        valued.dimension,
        valued.value,
        valued.category,
        cast(sum(valued.choice_count) as double) / max(category_sums.choice_count) as usual_share
    from valued
    inner join category_sums on valued.category = category_sums.category
    where valued.dimension <> 'category' and category_sums.choice_count > 0
    group by valued.dimension, valued.value, valued.category

),

observed as (

    select
        customer_id,
        dimension,
        value,
        sum(choice_count) as choice_count,
        sum(bought_count) as bought_count,
        sum(weight) as weight,
        sum(bought_weight) as bought_weight,
        min(first_acted_on) as first_acted_on,
        max(last_acted_on) as last_acted_on
    from valued
    group by customer_id, dimension, value
    having sum(choice_count) >= {{ var('preference_min_choices') }}

),

customer_totals as (

    select
        customer_id,
        sum(choice_count) as choice_count,
        sum(bought_count) as bought_count,
        sum(weight) as weight,
        sum(bought_weight) as bought_weight
    from valued
    where dimension = 'category'
    group by customer_id

),

voters as (

    select count(*) as customer_count
    from customer_totals
    where choice_count > 0

),

category_rates as (

    -- each customer has one vote, or those who buy most would say what is usual
    select
        valued.value,
        cast(sum(
            cast(
                cast(valued.choice_count as double) / customer_totals.choice_count
                as decimal(18, 9)
            )
        ) as double) / max(voters.customer_count) as usual_share
    from valued
    inner join customer_totals on valued.customer_id = customer_totals.customer_id
    cross join voters
    where valued.dimension = 'category' and customer_totals.choice_count > 0
    group by valued.value

),

chances as (

    -- a value can be chosen only where it is sold: what the customer chose in other categories
    -- says nothing about it
    select
        observed.customer_id,
        observed.dimension,
        observed.value,
        sum(category_totals.choice_count) as chance_count,
        sum(category_totals.bought_count) as bought_chance_count,
        sum(category_totals.weight) as chance_weight,
        sum(category_totals.bought_weight) as bought_chance_weight,
        cast(sum(
            cast(category_totals.choice_count * rates.usual_share as decimal(18, 9))
        ) as double) as expected_count
    from observed
    inner join rates
        on observed.dimension = rates.dimension and observed.value = rates.value
    inner join category_totals
        on
            observed.customer_id = category_totals.customer_id
            and rates.category = category_totals.category
    group by observed.customer_id, observed.dimension, observed.value
    union all
    select
        observed.customer_id,
        observed.dimension,
        observed.value,
        customer_totals.choice_count as chance_count,
        customer_totals.bought_count as bought_chance_count,
        customer_totals.weight as chance_weight,
        customer_totals.bought_weight as bought_chance_weight,
        customer_totals.choice_count * category_rates.usual_share as expected_count
    from observed
    inner join customer_totals on observed.customer_id = customer_totals.customer_id
    inner join category_rates on observed.value = category_rates.value
    where observed.dimension = 'category'

),

weighed as (

    select
        observed.customer_id,
        observed.dimension,
        observed.value,
        observed.choice_count,
        observed.bought_count,
        observed.first_acted_on,
        observed.last_acted_on,
        chances.chance_count,
        chances.bought_chance_count,
        chances.expected_count / chances.chance_count as usual_share,
        cast(observed.choice_count as double) / chances.chance_count as choice_share,
        -- who brought nearly all of it back has no taste for it, and none against it
        greatest(0e0, cast(observed.weight as double)) as weight,
        greatest(0e0, cast(chances.chance_weight as double)) as chance_weight,
        greatest(0e0, cast(observed.bought_weight as double)) as bought_weight,
        greatest(0e0, cast(chances.bought_chance_weight as double)) as bought_chance_weight,
        greatest(0e0, cast(observed.weight - observed.bought_weight as double)) as browsed_weight,
        greatest(0e0, cast(chances.chance_weight - chances.bought_chance_weight as double))
            as browsed_chance_weight
    from observed
    inner join chances
        on
            observed.customer_id = chances.customer_id
            and observed.dimension = chances.dimension
            and observed.value = chances.value
    where chances.chance_count > 0 and chances.expected_count > 0

),

{%- set prior = var('preference_prior_weight') %}

scored as (

    select
        *,
        (weight + {{ prior }} * usual_share) / (chance_weight + {{ prior }}) / usual_share
            as affinity,
        case
            when browsed_chance_weight > 0
                then
                    (browsed_weight + {{ prior }} * usual_share)
                    / (browsed_chance_weight + {{ prior }}) / usual_share
        end as browse_affinity,
        case
            when bought_chance_count > 0
                then
                    (bought_weight + {{ prior }} * usual_share)
                    / (bought_chance_weight + {{ prior }}) / usual_share
        end as buy_affinity,
        -- how much likelier the choices are by a taste of the customer's own than by everybody's
        case
            when choice_share > usual_share
                then
                    choice_count * ln(choice_share / usual_share)
                    + case
                        when choice_count < chance_count
                            then
                                (chance_count - choice_count)
                                * ln((1 - choice_share) / (1 - usual_share))
                        else 0
                    end
            else 0
        end as log_likelihood_ratio
    from weighed

),

judged as (

    select
        *,
        affinity >= {{ var('preference_min_affinity') }}
        and choice_share >= {{ var('preference_min_share') }}
        and first_acted_on < last_acted_on
        and log_likelihood_ratio >= {{ var('preference_min_log_likelihood') }}
        -- looked at again and again but not bought is a wish, and shows in the gap
        and not (
            bought_chance_count >= {{ var('preference_min_choices') }}
            and coalesce(buy_affinity, 1e0) < 1e0
        ) as is_preferred
    from scored

)

select
    -- ids
    customer_id,
    dimension,
    value,

    -- properties
    is_preferred,

    -- measures
    affinity,
    browse_affinity,
    buy_affinity,
    browse_affinity - buy_affinity as gap,
    choice_share,
    usual_share,
    cast(row_number() over (
        partition by customer_id, dimension
        order by is_preferred desc, affinity desc, choice_count desc, value asc
    ) as bigint) as rank,
    cast(choice_count as bigint) as evidence_count,
    cast(bought_count as bigint) as bought_count,
    cast(chance_count as bigint) as chance_count,
    log_likelihood_ratio,
    last_acted_on as last_evidence_date
from judged
