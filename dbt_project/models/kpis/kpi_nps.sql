with answers as (

    select
        response_id,
        customer_id,
        touchpoint,
        wave,
        channel,
        product_category,
        delivery,
        topic,
        country,
        region,
        rfm_segment,
        score,
        sent_at,
        answered_date
    from {{ ref('int_kpis__answers') }}
    where survey = 'nps' and is_counted

),

people as (

    select {{ var('nps_weighted_by') }} as stratum
    from {{ ref('int_kpis__people') }}

),

invitations as (

    select
        wave,
        is_answered,
        case when wave is not null then 'relational' end as touchpoint,
        country,
        region,
        rfm_segment,
        sent_date
    from {{ ref('int_kpis__invitations') }}
    where survey = 'nps'

),

waves as (

    -- a wave begins when it was first sent, or answered when nobody says when it was sent
    select
        wave,
        coalesce(min(sent_on), min(answered_on)) as period_start,
        coalesce(max(sent_on), min(answered_on)) as last_sent_on
    from (
        select
            wave,
            sent_date as sent_on,
            cast(null as date) as answered_on
        from invitations
        union all
        select
            wave,
            {{ reporting_date('sent_at') }} as sent_on,
            answered_date as answered_on
        from answers
    ) as moments
    where wave is not null
    group by wave

),

answer_cuts as (

    {{ cuts_by('answers', [
        'touchpoint', 'channel', 'product_category', 'delivery', 'topic', 'country', 'region',
        'rfm_segment',
    ]) }}

),

invitation_cuts as (

    {{ cuts_by('invitations', ['touchpoint', 'country', 'region', 'rfm_segment']) }}

),

grains as (

    {{ period_grains(['day', 'week', 'month', 'quarter']) }}

),

dated as (

    select
        grains.period_grain,
        {{ period_start('grains.period_grain', 'answer_cuts.answered_date') }} as period_start,
        answer_cuts.segment_type,
        answer_cuts.segment,
        answer_cuts.{{ var('nps_weighted_by') }} as stratum,
        answer_cuts.score,
        coalesce(answer_cuts.customer_id, answer_cuts.response_id) as respondent,
        0 as invited,
        0 as replied
    from answer_cuts
    cross join grains
    union all
    select
        'wave' as period_grain,
        waves.period_start,
        answer_cuts.segment_type,
        answer_cuts.segment,
        answer_cuts.{{ var('nps_weighted_by') }} as stratum,
        answer_cuts.score,
        coalesce(answer_cuts.customer_id, answer_cuts.response_id) as respondent,
        0 as invited,
        0 as replied
    from answer_cuts
    inner join waves on answer_cuts.wave = waves.wave
    union all
    select
        grains.period_grain,
        {{ period_start('grains.period_grain', 'invitation_cuts.sent_date') }} as period_start,
        invitation_cuts.segment_type,
        invitation_cuts.segment,
        null as stratum,
        null as score,
        null as respondent,
        1 as invited,
        case when invitation_cuts.is_answered then 1 else 0 end as replied
    from invitation_cuts
    cross join grains
    union all
    select
        'wave' as period_grain,
        waves.period_start,
        invitation_cuts.segment_type,
        invitation_cuts.segment,
        null as stratum,
        null as score,
        null as respondent,
        1 as invited,
        case when invitation_cuts.is_answered then 1 else 0 end as replied
    from invitation_cuts
    inner join waves on invitation_cuts.wave = waves.wave

),

strata as (

    -- a person lies in one stratum, so that people may be added up over strata
    select
        period_grain,
        period_start,
        segment_type,
        segment,
        stratum,
        count(distinct respondent) as respondent_count,
        count(score) as response_count,
        count_if(coalesce(score >= 9, false)) as promoter_count,
        count_if(coalesce(score in (7, 8), false)) as passive_count,
        count_if(coalesce(score <= 6, false)) as detractor_count,
        sum(invited) as invited_count,
        sum(replied) as replied_count
    from dated
    group by period_grain, period_start, segment_type, segment, stratum

),

cells as (

    select
        period_grain,
        period_start,
        segment_type,
        segment,
        sum(respondent_count) as respondent_count
    from strata
    group by period_grain, period_start, segment_type, segment

),

named as (

    select
        *,
        {{ segment_without_small_cells(
            'respondent_count', 'period_grain, period_start', ['country', 'region', 'rfm_segment']
        ) }} as published_segment
    from cells

),

published as (

    select
        strata.period_grain,
        strata.period_start,
        strata.segment_type,
        named.published_segment as segment,
        strata.stratum,
        sum(strata.response_count) as response_count,
        sum(strata.promoter_count) as promoter_count,
        sum(strata.passive_count) as passive_count,
        sum(strata.detractor_count) as detractor_count,
        sum(strata.invited_count) as invited_count,
        sum(strata.replied_count) as replied_count
    from strata
    inner join named
        on
            strata.period_grain = named.period_grain
            and strata.period_start = named.period_start
            and strata.segment_type = named.segment_type
            and strata.segment = named.segment
    group by
        strata.period_grain, strata.period_start, strata.segment_type, named.published_segment,
        strata.stratum

),

weights as (

    -- how many of all customers each stratum stands for
    select
        stratum,
        count(*) as customer_count
    from people
    group by stratum

),

totals as (

    -- a stratum speaks for its customers, whoever of it answered; exact sums (decision 0014)
    select
        published.period_grain,
        published.period_start,
        published.segment_type,
        published.segment,
        sum(published.response_count) as response_count,
        sum(published.promoter_count) as promoter_count,
        sum(published.passive_count) as passive_count,
        sum(published.detractor_count) as detractor_count,
        sum(published.invited_count) as invited_count,
        sum(published.replied_count) as replied_count,
        cast(sum(case
            when published.response_count > 0 then weights.customer_count
        end) as double) as weight,
        {% for side in ['promoter', 'detractor'] -%}
            cast(sum(cast(
                weights.customer_count * published.{{ side }}_count
                / cast(nullif(published.response_count, 0) as double) as decimal(28, 8)
            )) as double) as {{ side }}_weight,
        {% endfor -%}
        cast(sum(cast(
            cast(weights.customer_count as double) * weights.customer_count
            / nullif(published.response_count, 0) as decimal(34, 4)
        )) as double) as square_weight
    from published
    left join weights on published.stratum = weights.stratum
    group by
        published.period_grain, published.period_start, published.segment_type, published.segment

),

scored as (

    -- weighted answers are worth fewer: Kish's effective number of them
    select
        *,
        weight * weight / nullif(square_weight, 0) as effective_count,
        100 * (promoter_count - detractor_count) / cast(nullif(response_count, 0) as double) as nps,
        (
            promoter_count + detractor_count
            - (promoter_count - detractor_count) * (promoter_count - detractor_count)
            / cast(nullif(response_count, 0) as double)
        ) / nullif(response_count, 0) / nullif(response_count, 0) as share_variance
    from totals

),

followed as (

    select
        *,
        lag(period_start) over (
            partition by period_grain, segment_type, segment order by period_start
        ) as previous_period_start,
        lag(nps) over (
            partition by period_grain, segment_type, segment order by period_start
        ) as nps_before,
        lag(response_count) over (
            partition by period_grain, segment_type, segment order by period_start
        ) as response_count_before,
        lag(share_variance) over (
            partition by period_grain, segment_type, segment order by period_start
        ) as share_variance_before
    from scored

),

compared as (

    select
        *,
        case
            when
                period_grain = 'wave'
                or {{ period_end('period_grain', 'previous_period_start') }} = period_start
                then nps_before
        end as previous_nps
    from followed

),

tested as (

    select
        *,
        case
            when
                least(response_count, response_count_before)
                >= {{ var('survey_min_answers_to_compare') }}
                then
                    (nps - previous_nps) / 100
                    / nullif(sqrt(share_variance + share_variance_before), 0)
        end as change_z,
        case
            when effective_count >= {{ var('survey_min_answers_to_compare') }} then effective_count
        end as even_count
    from compared

),

wave_ends as (

    select
        period_start,
        max(last_sent_on) as last_sent_on,
        min(wave) as wave
    from waves
    group by period_start

)

select
    -- period and segment
    tested.period_grain,
    tested.period_start,
    tested.segment_type,
    tested.segment,
    wave_ends.wave,

    -- counts
    cast(tested.response_count as bigint) as response_count,
    cast(tested.promoter_count as bigint) as promoter_count,
    cast(tested.passive_count as bigint) as passive_count,
    cast(tested.detractor_count as bigint) as detractor_count,
    cast(tested.invited_count as bigint) as invited_count,

    -- rates
    100 * tested.promoter_count / cast(nullif(tested.response_count, 0) as double) as promoter_pct,
    100 * tested.passive_count / cast(nullif(tested.response_count, 0) as double) as passive_pct,
    100 * tested.detractor_count / cast(nullif(tested.response_count, 0) as double)
        as detractor_pct,
    tested.replied_count / cast(nullif(tested.invited_count, 0) as double) as response_rate,

    -- score
    tested.nps,
    {{ nps_bound(
        'tested.promoter_count', 'tested.detractor_count', 'tested.response_count', 'low'
    ) }} as nps_low,
    {{ nps_bound(
        'tested.promoter_count', 'tested.detractor_count', 'tested.response_count', 'high'
    ) }} as nps_high,

    -- score if those who answered were spread as the customers are
    case
        when tested.even_count is not null
            then 100 * (tested.promoter_weight - tested.detractor_weight) / tested.weight
    end as nps_weighted,
    {{ nps_bound(
        'tested.even_count * tested.promoter_weight / tested.weight',
        'tested.even_count * tested.detractor_weight / tested.weight',
        'tested.even_count',
        'low'
    ) }} as nps_weighted_low,
    {{ nps_bound(
        'tested.even_count * tested.promoter_weight / tested.weight',
        'tested.even_count * tested.detractor_weight / tested.weight',
        'tested.even_count',
        'high'
    ) }} as nps_weighted_high,
    tested.effective_count,

    -- change
    tested.previous_nps,
    tested.nps - tested.previous_nps as nps_change,
    {{ normal_two_sided_p('tested.change_z') }} as change_p_value,
    coalesce({{ normal_two_sided_p('tested.change_z') }} < 0.05, false) as is_change_significant,

    -- properties
    case tested.period_grain
        when 'wave'
            then
                cast(
                    wave_ends.last_sent_on + interval '{{ var("survey_answer_days") }}' day as date
                )
                > {{ as_of() }}
        else
            {{ period_end('tested.period_grain', 'tested.period_start') }}
            > cast({{ as_of() }} + interval '1' day as date)
    end as is_provisional
from tested
left join wave_ends
    on tested.period_grain = 'wave' and tested.period_start = wave_ends.period_start
