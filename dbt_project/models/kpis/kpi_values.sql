with retention_1m as (

    -- shown in the month of the return, final as soon as that month is over
    select
        'month' as period_grain,
        retention.period_start,
        'all' as segment_type,
        'all' as segment,
        retention.retention_pct,
        retention.retention_low,
        retention.retention_high,
        retention.cohort_size,
        months.is_provisional
    from {{ ref('kpi_retention') }} as retention
    inner join {{ ref('int_kpis__months') }} as months
        on retention.period_start = months.period_start
    where retention.months_since = 1

),

{% for days in [30, 60, 90, 365] -%}
    repeat_{{ days }}d as (

        select *
        from {{ ref('kpi_repeat') }}
        where within_days = {{ days }} and purchase_number = 2

    ),

{% endfor -%}

csat as (

    select *
    from {{ ref('kpi_csat') }}
    where survey_scale = 'all' and period_grain <> 'interaction_month'

),

contracts as (

    select *
    from {{ ref('kpi_termination') }}
    where basis = 'contract'

),

inactivity as (

    select *
    from {{ ref('kpi_termination') }}
    where basis = 'inactivity'

),

service as (

    select
        *,
        answered_count + unanswered_count as awaiting_count
    from {{ ref('kpi_service') }}
    where ticket_channel = 'all'

),

kpis as (

    {{ kpi_rows(ref('kpi_sales'), 'net_revenue', 'net_revenue_amount', 'purchase_count') }}
    union all
    {{ kpi_rows(ref('kpi_sales'), 'gross_revenue', 'gross_revenue_amount', 'purchase_count') }}
    union all
    {{ kpi_rows(ref('kpi_sales'), 'discount_amount', 'discount_amount', 'purchase_count') }}
    union all
    {{ kpi_rows(ref('kpi_sales'), 'purchase_count', 'purchase_count', 'purchase_count') }}
    union all
    {{ kpi_rows(ref('kpi_sales'), 'active_customers', 'active_customer_count',
        'active_customer_count') }}
    union all
    {{ kpi_rows(ref('kpi_sales'), 'new_customers', 'new_customer_count', 'new_customer_count') }}
    union all
    {{ kpi_rows(ref('kpi_sales'), 'average_purchase_amount', 'average_purchase_amount',
        'purchase_count', 'average_purchase_low', 'average_purchase_high') }}
    union all
    {{ kpi_rows(ref('kpi_sales'), 'promoted_purchase_pct', 'promoted_purchase_pct',
        'purchase_count', 'promoted_purchase_low', 'promoted_purchase_high') }}
    union all
    {{ kpi_rows(ref('kpi_sales'), 'identified_purchase_pct', 'identified_purchase_pct',
        'purchase_count', 'identified_purchase_low', 'identified_purchase_high') }}
    union all
    {{ kpi_rows('retention_1m', 'retention_1m_pct', 'retention_pct', 'cohort_size',
        'retention_low', 'retention_high') }}
    union all
    {{ kpi_rows('repeat_30d', 'repeat_30d_pct', 'repeat_pct', 'observed_count', 'repeat_low',
        'repeat_high') }}
    union all
    {{ kpi_rows('repeat_60d', 'repeat_60d_pct', 'repeat_pct', 'observed_count', 'repeat_low',
        'repeat_high') }}
    union all
    {{ kpi_rows('repeat_90d', 'repeat_90d_pct', 'repeat_pct', 'observed_count', 'repeat_low',
        'repeat_high') }}
    union all
    {{ kpi_rows('repeat_365d', 'repeat_365d_pct', 'repeat_pct', 'observed_count', 'repeat_low',
        'repeat_high') }}
    union all
    {{ kpi_rows('repeat_365d', 'second_purchase_days', 'purchase_days_p50', 'cohort_size') }}
    union all
    {{ kpi_rows(ref('kpi_lifecycle'), 'returning_customers_pct', 'returning_pct',
        'active_before_count', 'returning_low', 'returning_high') }}
    union all
    {{ kpi_rows(ref('kpi_lifecycle'), 'resurrected_customers_pct', 'resurrected_pct',
        'dormant_before_count', 'resurrected_low', 'resurrected_high') }}
    union all
    {{ kpi_rows(ref('kpi_lifecycle'), 'dormant_customers', 'dormant_count', 'customer_count') }}
    union all
    {{ kpi_rows(ref('kpi_loyalty'), 'loyalty_members', 'member_count', 'member_count') }}
    union all
    {{ kpi_rows(ref('kpi_loyalty'), 'loyalty_active_pct', 'active_member_pct', 'member_count',
        'active_member_low', 'active_member_high') }}
    union all
    {{ kpi_rows(ref('kpi_loyalty'), 'loyalty_purchase_pct', 'member_purchase_pct',
        'purchase_count', 'member_purchase_low', 'member_purchase_high') }}
    union all
    {{ kpi_rows(ref('kpi_loyalty'), 'loyalty_sales_pct', 'member_sales_pct', 'purchase_count') }}
    union all
    {{ kpi_rows(ref('kpi_loyalty'), 'loyalty_redemption_pct', 'redemption_pct', 'offer_count',
        'redemption_low', 'redemption_high') }}
    union all
    {{ kpi_rows(ref('kpi_nps'), 'nps', 'nps', 'response_count', 'nps_low', 'nps_high') }}
    union all
    {{ kpi_rows(ref('kpi_nps'), 'nps_weighted', 'nps_weighted', 'response_count',
        'nps_weighted_low', 'nps_weighted_high') }}
    union all
    {{ kpi_rows('csat', 'csat_mean', 'csat_mean', 'response_count', 'csat_mean_low',
        'csat_mean_high') }}
    union all
    {{ kpi_rows('csat', 'csat_satisfied_pct', 'satisfied_pct', 'response_count', 'satisfied_low',
        'satisfied_high') }}
    union all
    {{ kpi_rows('contracts', 'termination_rate_contract_pct', 'termination_rate_pct',
        'customers_at_start', 'termination_rate_low', 'termination_rate_high') }}
    union all
    {{ kpi_rows('contracts', 'acquired_to_lost_contract_pct', 'acquired_to_lost_pct', 'lost') }}
    union all
    {{ kpi_rows('inactivity', 'termination_rate_inactivity_pct', 'termination_rate_pct',
        'customers_at_start', 'termination_rate_low', 'termination_rate_high') }}
    union all
    {{ kpi_rows('inactivity', 'acquired_to_lost_inactivity_pct', 'acquired_to_lost_pct', 'lost') }}
    union all
    {{ kpi_rows('service', 'first_response_minutes', 'first_response_minutes_p50',
        'awaiting_count') }}
    union all
    {{ kpi_rows('service', 'business_first_response_minutes',
        'business_first_response_minutes_p50', 'awaiting_count') }}
    union all
    {{ kpi_rows('service', 'resolution_hours', 'resolution_hours_p50', 'ticket_count') }}
    union all
    {{ kpi_rows('service', 'service_backlog', 'backlog_count', 'backlog_count') }}
    union all
    {{ kpi_rows('service', 'reopen_rate_pct', 'reopen_rate_pct', 'solved_count',
        'reopen_rate_low', 'reopen_rate_high') }}
    union all
    {{ kpi_rows('service', 'one_touch_rate_pct', 'one_touch_rate_pct', 'solved_count',
        'one_touch_rate_low', 'one_touch_rate_high') }}
    union all
    {{ kpi_rows('service', 'sla_breach_pct', 'sla_breach_pct', 'sla_due_count',
        'sla_breach_low', 'sla_breach_high') }}

),

catalogue as (

    select kpi, unit
    from {{ ref('kpi_catalogue') }}

)

select
    -- kpi, period and segment
    kpis.kpi,
    kpis.period_grain,
    kpis.period_start,
    kpis.segment_type,
    kpis.segment,

    -- measures
    kpis.value,
    kpis.low,
    kpis.high,
    kpis.n,

    -- properties
    case
        when catalogue.unit = 'currency' then '{{ env_var("INSIGHTS_CURRENCY", "EUR") }}'
        else catalogue.unit
    end as unit,
    kpis.is_provisional
from kpis
left join catalogue on kpis.kpi = catalogue.kpi
