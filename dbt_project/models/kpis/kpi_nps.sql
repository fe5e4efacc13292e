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
        null as score,
        null as respondent,
        1 as invited,
        case when invitation_cuts.is_answered then 1 else 0 end as replied
    from invitation_cuts
    inner join waves on invitation_cuts.wave = waves.wave

),

cells as (

    select
        period_grain,
        period_start,
        segment_type,
        segment,
        count(distinct respondent) as respondent_count,
        count(score) as response_count,
        count_if(coalesce(score >= 9, false)) as promoter_count,
        count_if(coalesce(score in (7, 8), false)) as passive_count,
        count_if(coalesce(score <= 6, false)) as detractor_count,
        sum(invited) as invited_count,
        sum(replied) as replied_count
    from dated
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

totals as (

    select
        period_grain,
        period_start,
        segment_type,
        published_segment as segment,
        sum(response_count) as response_count,
        sum(promoter_count) as promoter_count,
        sum(passive_count) as passive_count,
        sum(detractor_count) as detractor_count,
        sum(invited_count) as invited_count,
        sum(replied_count) as replied_count
    from named
    group by period_grain, period_start, segment_type, published_segment

),

scored as (

    select
        *,
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
        end as change_z
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
