with answers as (

    select
        response_id,
        customer_id,
        survey_scale as own_scale,
        touchpoint,
        channel,
        product_category,
        delivery,
        topic,
        country,
        region,
        rfm_segment,
        score_100,
        is_satisfied,
        is_flip_to_bad,
        is_flip_to_good,
        answered_date,
        interaction_date
    from {{ ref('int_kpis__answers') }}
    where survey = 'csat' and is_counted

),

invitations as (

    select
        is_answered,
        country,
        region,
        rfm_segment,
        sent_date
    from {{ ref('int_kpis__invitations') }}
    where survey = 'csat'

),

answer_cuts as (

    {{ cuts_by('answers', [
        'touchpoint', 'channel', 'product_category', 'delivery', 'topic', 'country', 'region',
        'rfm_segment',
    ]) }}

),

invitation_cuts as (

    {{ cuts_by('invitations', ['country', 'region', 'rfm_segment']) }}

),

scales as (

    select
        own_scale,
        own_scale as survey_scale
    from answers
    union
    select
        own_scale,
        'all' as survey_scale
    from answers

),

grains as (

    {{ period_grains(['day', 'week', 'month', 'quarter']) }}

),

dated as (

    select
        grains.period_grain,
        {{ period_start('grains.period_grain', 'answer_cuts.answered_date') }} as period_start,
        answer_cuts.*
    from answer_cuts
    cross join grains
    union all
    -- the same answers once more, where the experience lies that they are about
    select
        'interaction_month' as period_grain,
        {{ period_start("'month'", 'answer_cuts.interaction_date') }} as period_start,
        answer_cuts.*
    from answer_cuts
    where answer_cuts.interaction_date is not null

),

answer_rows as (

    select
        dated.period_grain,
        dated.period_start,
        dated.segment_type,
        dated.segment,
        scales.survey_scale,
        coalesce(dated.customer_id, dated.response_id) as respondent,
        dated.score_100,
        dated.is_satisfied,
        dated.is_flip_to_bad,
        dated.is_flip_to_good,
        0 as invited,
        0 as replied
    from dated
    inner join scales on dated.own_scale = scales.own_scale
    union all
    select
        grains.period_grain,
        {{ period_start('grains.period_grain', 'invitation_cuts.sent_date') }} as period_start,
        invitation_cuts.segment_type,
        invitation_cuts.segment,
        'all' as survey_scale,
        null as respondent,
        null as score_100,
        false as is_satisfied,
        false as is_flip_to_bad,
        false as is_flip_to_good,
        1 as invited,
        case when invitation_cuts.is_answered then 1 else 0 end as replied
    from invitation_cuts
    cross join grains

),

cells as (

    select
        period_grain,
        period_start,
        survey_scale,
        segment_type,
        segment,
        count(distinct respondent) as respondent_count,
        count(score_100) as response_count,
        count_if(is_satisfied) as satisfied_count,
        count_if(is_flip_to_bad) as flip_to_bad_count,
        count_if(is_flip_to_good) as flip_to_good_count,
        sum(score_100) as score_sum,
        sum(cast(score_100 * score_100 as decimal(28, 8))) as square_sum,
        sum(invited) as invited_count,
        sum(replied) as replied_count
    from answer_rows
    group by period_grain, period_start, survey_scale, segment_type, segment

),

named as (

    select
        *,
        {{ segment_without_small_cells(
            'respondent_count',
            'period_grain, period_start, survey_scale',
            ['country', 'region', 'rfm_segment']
        ) }} as published_segment
    from cells

),

totals as (

    -- exact sums first: see decision 0014
    select
        period_grain,
        period_start,
        survey_scale,
        segment_type,
        published_segment as segment,
        sum(response_count) as response_count,
        sum(satisfied_count) as satisfied_count,
        sum(flip_to_bad_count) as flip_to_bad_count,
        sum(flip_to_good_count) as flip_to_good_count,
        cast(sum(score_sum) as double) as score_sum,
        cast(sum(square_sum) as double) as square_sum,
        sum(invited_count) as invited_count,
        sum(replied_count) as replied_count
    from named
    group by period_grain, period_start, survey_scale, segment_type, published_segment

),

averages as (

    -- rounding may leave a zero variance a little below zero
    select
        *,
        score_sum / nullif(response_count, 0) as csat_mean,
        case
            when response_count > 1
                then
                    {{ t_95('(response_count - 1)') }} * sqrt(greatest(
                        (square_sum - score_sum * score_sum / response_count)
                        / (response_count - 1) / response_count,
                        0
                    ))
        end as reach
    from totals

)

select
    -- period and segment
    period_grain,
    period_start,
    segment_type,
    segment,
    survey_scale,

    -- counts
    cast(response_count as bigint) as response_count,
    cast(satisfied_count as bigint) as satisfied_count,
    cast(flip_to_bad_count as bigint) as flip_to_bad_count,
    cast(flip_to_good_count as bigint) as flip_to_good_count,
    cast(invited_count as bigint) as invited_count,

    -- mean
    csat_mean,
    case when reach is not null then greatest(csat_mean - reach, 0) end as csat_mean_low,
    case when reach is not null then least(csat_mean + reach, 100) end as csat_mean_high,

    -- share
    100 * satisfied_count / cast(nullif(response_count, 0) as double) as satisfied_pct,
    {{ wilson_bound_pct('satisfied_count', 'response_count', 'low') }} as satisfied_low,
    {{ wilson_bound_pct('satisfied_count', 'response_count', 'high') }} as satisfied_high,
    replied_count / cast(nullif(invited_count, 0) as double) as response_rate,

    -- properties
    case period_grain
        when 'interaction_month'
            then
                cast(
                    {{ period_end("'month'", 'period_start') }}
                    + interval '{{ var("survey_answer_days") }}' day as date
                )
                > cast({{ as_of() }} + interval '1' day as date)
        else
            {{ period_end('period_grain', 'period_start') }}
            > cast({{ as_of() }} + interval '1' day as date)
    end as is_provisional
from averages
