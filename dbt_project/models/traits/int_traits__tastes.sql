{{ config(
    materialized=kept_by_content(),
    incremental_strategy='delete+insert',
    unique_key='_version',
    on_schema_change='fail',
    post_hook="delete from {{ this }} where value is null"
) }}

{%- set dimensions = [
    'category', 'brand', 'designer', 'price_band', 'color', 'material', 'size',
] -%}
{#- of a category all are kept: chances are counted in them -#}
{%- set least_choices = {'category': 0} -%}
{%- set least = var('preference_min_choices') %}

with versions as (

    -- the acts know which content they were made from
    select
        customer_id,
        {{ version_of_version(['_version'], [
            var('browse_half_life_days'), var('purchase_half_life_days'),
            var('preference_min_choices'),
        ]) }} as _version
    from {{ ref('int_traits__product_interactions') }}

),

changed as (

    {{ changed_units('versions') }}

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

acts as (

    -- as they were: what was red when it was bought was bought red
    select
        acts.customer_id,
        products.category,
        products.brand,
        products.designer,
        products.price_band,
        products.color,
        products.material,
        products.size,
        acts.acted_on,
        acts.is_choice,
        acts.kind <> 'browse' as is_purchase,
        acts.weight,
        max(acts.acted_on) over (partition by acts.customer_id) as weighed_on
    from {{ ref('int_traits__product_interactions') }} as acts
    inner join products
        on acts.product_id = products.product_id and acts.product_valid_from = products.valid_from
    where acts.customer_id in (select changed.customer_id from changed)

),

weighed as (

    -- on the day of the customer's last act, which no later day changes
    select
        customer_id,
        category,
        brand,
        designer,
        price_band,
        color,
        material,
        size,
        acted_on,
        is_choice,
        is_purchase,
        weighed_on,
        cast(
            weight * power(
                0.5e0,
                cast({{ days_between('acted_on', 'weighed_on') }} as double)
                / case
                    when is_purchase then {{ var('purchase_half_life_days') }}
                    else {{ var('browse_half_life_days') }}
                end
            ) as decimal(18, 9)
        ) as weight
    from acts

),

tastes as (

    {% for dimension in dimensions %}
        select
            customer_id,
            '{{ dimension }}' as dimension,
            {{ dimension }} as value,
            count_if(is_choice) as thing_count,
            count_if(is_choice and is_purchase) as bought_thing_count,
            {%- if dimension == 'category' %}
                -- several things of one category in a basket are one decision
                count(distinct case when is_choice then acted_on end) as choice_count,
                count(distinct case when is_choice and is_purchase then acted_on end)
                    as bought_count,
            {%- else %}
                count_if(is_choice) as choice_count,
                count_if(is_choice and is_purchase) as bought_count,
            {%- endif %}
            min(acted_on) as first_acted_on,
            max(acted_on) as last_acted_on,
            weighed_on,
            sum(case when is_purchase then 0 else weight end) as browsed_weight,
            sum(case when is_purchase then weight else 0 end) as bought_weight
        from weighed
        where {{ dimension }} is not null
        group by customer_id, {{ dimension }}, weighed_on
        having count_if(is_choice) >= {{ least_choices[dimension] | default(least) }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select
    -- ids
    changed.customer_id,
    tastes.dimension,
    tastes.value,

    -- timestamps
    tastes.first_acted_on,
    tastes.last_acted_on,
    tastes.weighed_on,

    -- measures
    cast(tastes.choice_count as bigint) as choice_count,
    cast(tastes.bought_count as bigint) as bought_count,
    cast(tastes.thing_count as bigint) as thing_count,
    cast(tastes.bought_thing_count as bigint) as bought_thing_count,
    cast(tastes.browsed_weight as decimal(18, 9)) as browsed_weight,
    cast(tastes.bought_weight as decimal(18, 9)) as bought_weight,

    -- lineage
    changed._version
from changed
left join tastes on changed.customer_id = tastes.customer_id
