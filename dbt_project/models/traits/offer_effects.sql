with outcomes as (

    select
        campaign_id,
        customer_id,
        segment,
        arm,
        is_random,
        is_exposed,
        is_running,
        is_aftermath_over,
        is_before_recorded,
        is_in_both_arms,
        redemption_count,
        purchase_count,
        before_purchase_count,
        after_purchase_count,
        visit_days,
        before_visit_days,
        net_amount,
        before_net_amount,
        contact_cost_amount
    from {{ ref('int_traits__offer_outcomes') }}
    where arm in ('treatment', 'control')

),

segments as (

    select
        segment as cut_by,
        segment
    from outcomes
    group by segment
    union all
    select
        'all' as cut_by,
        segment
    from outcomes
    group by segment

),

cut as (

    select
        outcomes.*,
        segments.cut_by
    from outcomes
    inner join segments on outcomes.segment = segments.segment

),

measured as (

    {% set metrics = {
        'conversion': ('purchase_count > 0', 'before_purchase_count > 0'),
        'revenue': ('net_amount', 'before_net_amount'),
        'visit': ('visit_days > 0', 'before_visit_days > 0'),
    } -%}
    {%- for metric, columns in metrics.items() %}
        select
            campaign_id,
            cut_by as segment,
            '{{ metric }}' as metric,
            arm,
            cast({{ columns[0] }} as decimal(18, 2)) as value,
            cast({{ columns[1] }} as decimal(18, 2)) as before_value,
            is_random,
            is_exposed,
            is_running,
            is_aftermath_over,
            is_before_recorded,
            is_in_both_arms,
            redemption_count,
            after_purchase_count,
            contact_cost_amount
        from cut
        {{ 'union all' if not loop.last }}
    {%- endfor %}

),

{% set arms = {'treated': "arm = 'treatment'", 'control': "arm = 'control'"} -%}
totals as (

    select
        campaign_id,
        segment,
        metric,
        bool_and(is_random) as is_random,
        bool_or(is_running) as is_running,
        bool_and(is_aftermath_over) as is_aftermath_over,
        bool_and(is_before_recorded) as is_before_recorded,
        {%- for name, condition in arms.items() %}
            count_if({{ condition }}) as {{ name }}_count,
            count_if({{ condition }} and value > 0) as {{ name }}_positive_count,
            sum(case when {{ condition }} then value else 0 end) as {{ name }}_sum,
            sum(case when {{ condition }} then value * value else 0 end) as {{ name }}_squares,
            sum(case when {{ condition }} then after_purchase_count else 0 end)
                as {{ name }}_after_sum,
            sum(case
                when {{ condition }} then after_purchase_count * after_purchase_count else 0
            end) as {{ name }}_after_squares,
        {%- endfor %}
        sum(case when arm = 'treatment' then before_value else 0 end) as treated_before_sum,
        count_if(arm = 'control' and (is_exposed or is_in_both_arms)) as control_exposed_count,
        count_if(arm = 'treatment' and redemption_count > 0) as redeemer_count,
        sum(case when arm = 'treatment' and is_exposed then contact_cost_amount end)
            as contact_cost_amount
    from measured
    group by campaign_id, segment, metric

),

described as (

    select
        *,
        cast(treated_sum as double) / nullif(treated_count, 0) as treated_value,
        cast(control_sum as double) / nullif(control_count, 0) as control_value,
        {{ variance_of_sums('treated_sum', 'treated_squares', 'treated_count') }}
        / nullif(treated_count, 0) as treated_error,
        {{ variance_of_sums('control_sum', 'control_squares', 'control_count') }}
        / nullif(control_count, 0) as control_error,
        {{ variance_of_sums('treated_after_sum', 'treated_after_squares', 'treated_count') }}
        / nullif(treated_count, 0) as treated_after_error,
        {{ variance_of_sums('control_after_sum', 'control_after_squares', 'control_count') }}
        / nullif(control_count, 0) as control_after_error,
        {%- for name in arms %}
            {{ wilson_bound_pct(name ~ '_positive_count', name ~ '_count', 'low') }} / 100
                as {{ name }}_low,
            {{ wilson_bound_pct(name ~ '_positive_count', name ~ '_count', 'high') }} / 100
                as {{ name }}_high,
        {%- endfor %}
        cast(treated_positive_count + control_positive_count as double)
        / (treated_count + control_count) as pooled_share,
        -- the share that was to be treated: half, unless the campaign's plan says otherwise
        {{ planned_treatment_share('campaign_id') }} as planned_share
    from totals

),

checked as (

    select
        *,
        (treated_count - (treated_count + control_count) * planned_share)
        / sqrt((treated_count + control_count) * planned_share * (1 - planned_share))
            as sample_ratio_z
    from described

),

estimated as (

    select
        *,
        case
            when is_random and control_count > 0
                then {{ normal_two_sided_p('sample_ratio_z') }}
        end as sample_ratio_p,
        treated_value - control_value as difference,
        (treated_error + control_error) * (treated_error + control_error) / nullif(
            treated_error * treated_error / nullif(treated_count - 1, 0)
            + control_error * control_error / nullif(control_count - 1, 0), 0
        ) as welch_df,
        cast(control_after_sum as double) / nullif(control_count, 0)
        - cast(treated_after_sum as double) / nullif(treated_count, 0) as pulled
    from checked

),

bounded as (

    select
        *,
        -- a broken whole breaks its parts, however even these look
        min(case when segment = 'all' then sample_ratio_p end) over (partition by campaign_id)
            as campaign_sample_ratio_p,
        case
            when metric = 'revenue'
                then
                    difference
                    - {{ t_95('welch_df') }} * sqrt(treated_error + control_error)
            else
                difference - sqrt(
                    (treated_value - treated_low) * (treated_value - treated_low)
                    + (control_high - control_value) * (control_high - control_value)
                )
        end as difference_low,
        case
            when metric = 'revenue'
                then
                    difference
                    + {{ t_95('welch_df') }} * sqrt(treated_error + control_error)
            else
                difference + sqrt(
                    (treated_high - treated_value) * (treated_high - treated_value)
                    + (control_value - control_low) * (control_value - control_low)
                )
        end as difference_high,
        case
            when metric = 'revenue'
                then
                    {{ two_sided_t_p(
                        'difference / nullif(sqrt(treated_error + control_error), 0)', 'welch_df'
                    ) }}
            else
                {{ normal_two_sided_p(
                    'difference / nullif(sqrt(pooled_share * (1 - pooled_share) * '
                    ~ '(1e0 / nullif(treated_count, 0) + 1e0 / nullif(control_count, 0))), 0)'
                ) }}
        end as difference_p
    from estimated

),

gated as (

    select
        *,
        case
            when not is_random then 'not_random'
            when control_count = 0 or treated_count = 0 then 'no_control_group'
            when
                least(sample_ratio_p, campaign_sample_ratio_p)
                < {{ var('offer_sample_ratio_p') }}
                then 'sample_ratio'
            when is_running then 'still_running'
            when
                least(treated_count, control_count) < {{ var('offer_min_customers') }}
                or least(treated_positive_count, control_positive_count)
                < {{ var('offer_min_conversions') }}
                then 'too_few'
        end as withheld_reason
    from bounded

),

tested as (

    -- Benjamini and Hochberg over the segments of a campaign; the whole is a question of its own
    select
        *,
        row_number() over (
            partition by campaign_id, metric, segment = 'all' order by difference_p, segment
        ) as place,
        count(*) over (partition by campaign_id, metric, segment = 'all') as test_count
    from gated
    where withheld_reason is null

),

corrected as (

    select
        campaign_id,
        segment,
        metric,
        least(1e0, min(difference_p * test_count / place) over (
            partition by campaign_id, metric, segment = 'all'
            order by place desc
            rows between unbounded preceding and current row
        )) as q_value
    from tested

),

moved as (

    select
        campaign_id,
        segment,
        withheld_reason,
        -- nobody can say who of them would have bought anyway, only how many
        least(1e0, greatest(0e0, 1 - treated_count * difference / nullif(redeemer_count, 0)))
            as subsidised_share
    from gated
    where metric = 'conversion'

),

money as (

    select
        gated.campaign_id,
        gated.segment,
        gated.metric,
        coalesce(
            gated.withheld_reason,
            moved.withheld_reason,
            returns.unknown_cost,
            case when gated.contact_cost_amount is null then 'no_contact_cost' end
        ) as roi_withheld_reason,
        cast(gated.contact_cost_amount as double) as contact_cost_amount,
        returns.offer_discount_amount,
        returns.offer_discount_amount * moved.subsidised_share as subsidised_discount_amount,
        returns.margin_gain_amount,
        returns.margin_gain_low,
        returns.margin_gain_high
    from gated
    inner join moved on gated.campaign_id = moved.campaign_id and gated.segment = moved.segment
    inner join {{ ref('int_traits__offer_returns') }} as returns
        on gated.campaign_id = returns.campaign_id and gated.segment = returns.segment
    where gated.metric = 'revenue'

),

returned as (

    -- the arms differ in margin after all discounts: what the subsidised got is in it already, and
    -- is added to show what those brought who would not have bought
    select
        *,
        margin_gain_amount + subsidised_discount_amount as incremental_margin_amount,
        nullif(subsidised_discount_amount + contact_cost_amount, 0) as cost_amount
    from money
    where roi_withheld_reason is null

)

select
    -- ids
    gated.campaign_id,
    gated.segment,
    gated.metric,

    -- the experiment
    cast(gated.treated_count as bigint) as treated_count,
    cast(gated.control_count as bigint) as control_count,
    case when gated.withheld_reason is null then gated.treated_value end as treated_value,
    case when gated.withheld_reason is null then gated.control_value end as control_value,
    case when gated.withheld_reason is null then gated.difference end as lift,
    case when gated.withheld_reason is null then gated.difference_low end as lift_low,
    case when gated.withheld_reason is null then gated.difference_high end as lift_high,
    case when gated.withheld_reason is null then gated.difference_p end as p_value,
    corrected.q_value,
    coalesce(corrected.q_value <= {{ var('offer_effect_q') }}, false) as is_effective,
    gated.withheld_reason is null as is_causal,
    gated.withheld_reason,
    gated.sample_ratio_p,
    cast(gated.control_exposed_count as double) / nullif(gated.control_count, 0)
        as control_exposed_share,
    coalesce(
        cast(gated.control_exposed_count as double) / nullif(gated.control_count, 0)
        > {{ var('offer_contamination_share') }},
        false
    ) as is_contaminated,

    -- what became of the effect, in customers and purchases
    case when gated.metric = 'conversion' then cast(gated.redeemer_count as bigint) end
        as redeemer_count,
    case
        when gated.metric = 'conversion' and gated.withheld_reason is null
            then gated.treated_count * gated.difference
    end as incremental_count,
    case
        when gated.metric = 'conversion' and gated.withheld_reason is null
            then
                least(
                    cast(gated.redeemer_count as double),
                    greatest(gated.redeemer_count - gated.treated_count * gated.difference, 0e0)
                )
    end as subsidised_count,
    {%- set known_aftermath =
        "gated.metric = 'conversion' and gated.withheld_reason is null and gated.is_aftermath_over"
    %}
    case when {{ known_aftermath }} then gated.treated_count * gated.pulled end
        as pull_forward_count,
    {%- for side, sign in {'low': '-', 'high': '+'}.items() %}
        case
            when {{ known_aftermath }}
                then
                    gated.treated_count * (
                        gated.pulled {{ sign }} 1.959964e0
                        * sqrt(gated.treated_after_error + gated.control_after_error)
                    )
        end as pull_forward_{{ side }},
    {%- endfor %}
    case
        when {{ known_aftermath }}
            then gated.treated_count * (gated.difference - gated.pulled)
    end as net_incremental_count,
    case
        when gated.metric = 'revenue' then cast(gated.contact_cost_amount as decimal(18, 2))
    end as contact_cost_amount,
    money.offer_discount_amount,
    cast(returned.subsidised_discount_amount as decimal(18, 2)) as subsidised_discount_amount,
    cast(returned.incremental_margin_amount as decimal(18, 2)) as incremental_margin_amount,
    cast(
        (returned.margin_gain_amount - returned.contact_cost_amount) / returned.cost_amount
        as decimal(18, 6)
    ) as margin_roi,
    cast(
        (returned.margin_gain_low - returned.contact_cost_amount) / returned.cost_amount
        as decimal(18, 6)
    ) as margin_roi_low,
    cast(
        (returned.margin_gain_high - returned.contact_cost_amount) / returned.cost_amount
        as decimal(18, 6)
    ) as margin_roi_high,
    money.roi_withheld_reason,

    -- seen, not caused: the treated against themselves in as many days before
    cast(gated.treated_sum as double) / nullif(gated.treated_count, 0) as observed_value,
    case
        when gated.is_before_recorded
            then cast(gated.treated_before_sum as double) / nullif(gated.treated_count, 0)
    end as observed_before_value,
    case
        when gated.is_before_recorded
            then
                cast(gated.treated_sum - gated.treated_before_sum as double)
                / nullif(gated.treated_count, 0)
    end as observed_change,
    gated.is_running as is_provisional
from gated
left join corrected
    on
        gated.campaign_id = corrected.campaign_id
        and gated.segment = corrected.segment
        and gated.metric = corrected.metric
left join money
    on
        gated.campaign_id = money.campaign_id
        and gated.segment = money.segment
        and gated.metric = money.metric
left join returned
    on
        gated.campaign_id = returned.campaign_id
        and gated.segment = returned.segment
        and gated.metric = returned.metric
