with tastes as (

    -- faded since the day they were weighed on
    select
        customer_id,
        dimension,
        value,
        choice_count,
        bought_count,
        thing_count,
        bought_thing_count,
        first_acted_on,
        last_acted_on,
        cast(
            browsed_weight * power(
                0.5e0,
                cast({{ days_between('weighed_on', as_of()) }} as double)
                / {{ var('browse_half_life_days') }}
            ) as decimal(18, 9)
        ) as browsed_weight,
        cast(
            bought_weight * power(
                0.5e0,
                cast({{ days_between('weighed_on', as_of()) }} as double)
                / {{ var('purchase_half_life_days') }}
            ) as decimal(18, 9)
        ) as bought_weight
    from {{ ref('int_traits__tastes') }}

),

category_totals as (

    select
        customer_id,
        value as category,
        thing_count as choice_count,
        bought_thing_count as bought_count,
        browsed_weight + bought_weight as weight,
        bought_weight
    from tastes
    where dimension = 'category'

),

category_sums as (

    select
        category,
        sum(choice_count) as choice_count
    from category_totals
    group by category

),

chosen as (

    select
        product_id,
        product_valid_from,
        count_if(is_choice) as choice_count
    from {{ ref('int_traits__product_interactions') }}
    group by product_id, product_valid_from

),

products as (

    select
        product_id,
        valid_from,
        category,
        brand,
        designer,
        price_band,
        color,
        material,
        size
    from {{ ref('int_traits__product_versions') }}
    where category is not null

),

sold as (

    {% for dimension in ['brand', 'designer', 'price_band', 'color', 'material', 'size'] %}
        select
            '{{ dimension }}' as dimension,
            products.{{ dimension }} as value,
            products.category,
            chosen.choice_count
        from chosen
        inner join products
            on
                chosen.product_id = products.product_id
                and chosen.product_valid_from = products.valid_from
        where products.{{ dimension }} is not null
        {{ 'union all' if not loop.last }}
    {%- endfor %}

),

rates as (

    -- how often everybody chooses a value where the category offers it
    select
        sold.dimension,
        sold.value,
        sold.category,
        cast(sum(sold.choice_count) as double) / max(category_sums.choice_count) as usual_share
    from sold
    inner join category_sums on sold.category = category_sums.category
    where category_sums.choice_count > 0
    group by sold.dimension, sold.value, sold.category

),

observed as (

    select
        customer_id,
        dimension,
        value,
        choice_count,
        bought_count,
        browsed_weight + bought_weight as weight,
        bought_weight,
        first_acted_on,
        last_acted_on
    from tastes
    where choice_count >= {{ var('preference_min_choices') }}

),

customer_totals as (

    select
        customer_id,
        sum(choice_count) as choice_count,
        sum(bought_count) as bought_count,
        sum(browsed_weight + bought_weight) as weight,
        sum(bought_weight) as bought_weight
    from tastes
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
        tastes.value,
        cast(sum(
            cast(
                cast(tastes.choice_count as double) / customer_totals.choice_count
                as decimal(18, 9)
            )
        ) as double) / max(voters.customer_count) as usual_share
    from tastes
    inner join customer_totals on tastes.customer_id = customer_totals.customer_id
    cross join voters
    where tastes.dimension = 'category' and customer_totals.choice_count > 0
    group by tastes.value

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
