{%- set columns = [
    'campaign_id', 'arm', 'offer_kind', 'is_redeemer', 'is_redemption_found', 'margin_amount',
    'sales_amount', 'costed_sales_amount', 'offer_discount_amount',
] | join(', ') -%}

with cut as (

    select
        {{ columns }},
        segment
    from {{ ref('int_traits__offer_margins') }}
    union all
    select
        {{ columns }},
        'all' as segment
    from {{ ref('int_traits__offer_margins') }}

),

{% set arms = {'treated': "arm = 'treatment'", 'control': "arm = 'control'"} -%}
totals as (

    select
        campaign_id,
        segment,
        min(offer_kind) as offer_kind,
        {%- for name, condition in arms.items() %}
            count_if({{ condition }}) as {{ name }}_count,
            sum(case when {{ condition }} then margin_amount else 0 end) as {{ name }}_sum,
            sum(case when {{ condition }} then margin_amount * margin_amount else 0 end)
                as {{ name }}_squares,
            sum(case when {{ condition }} then sales_amount else 0 end) as {{ name }}_sales_amount,
            sum(case when {{ condition }} then costed_sales_amount else 0 end)
                as {{ name }}_costed_amount,
        {%- endfor %}
        count_if(arm = 'treatment' and is_redeemer) as redeemer_count,
        count_if(arm = 'treatment' and is_redeemer and is_redemption_found)
            as found_redeemer_count,
        sum(case when arm = 'treatment' then offer_discount_amount else 0 end)
            as offer_discount_amount
    from cut
    group by campaign_id, segment

),

described as (

    select
        *,
        cast(treated_sum as double) / nullif(treated_count, 0)
        - cast(control_sum as double) / nullif(control_count, 0) as difference,
        {{ variance_of_sums('treated_sum', 'treated_squares', 'treated_count') }}
        / nullif(treated_count, 0) as treated_error,
        {{ variance_of_sums('control_sum', 'control_squares', 'control_count') }}
        / nullif(control_count, 0) as control_error
    from totals

),

estimated as (

    select
        *,
        (treated_error + control_error) * (treated_error + control_error) / nullif(
            treated_error * treated_error / nullif(treated_count - 1, 0)
            + control_error * control_error / nullif(control_count - 1, 0), 0
        ) as welch_df
    from described

)

{%- set known_share = var('offer_min_known_share') %}

select
    -- ids
    campaign_id,
    segment,

    -- properties
    case
        -- what points and gifts cost stands in no feed
        when
            coalesce(offer_kind not in ('coupon', 'price'), true)
            or found_redeemer_count < {{ known_share }} * redeemer_count
            then 'no_offer_cost'
        when
            treated_costed_amount < {{ known_share }} * treated_sales_amount
            or control_costed_amount < {{ known_share }} * control_sales_amount
            then 'no_unit_cost'
    end as unknown_cost,

    -- measures
    treated_count * difference as margin_gain_amount,
    treated_count * (difference - {{ t_95('welch_df') }} * sqrt(treated_error + control_error))
        as margin_gain_low,
    treated_count * (difference + {{ t_95('welch_df') }} * sqrt(treated_error + control_error))
        as margin_gain_high,
    cast(offer_discount_amount as decimal(18, 2)) as offer_discount_amount
from estimated
