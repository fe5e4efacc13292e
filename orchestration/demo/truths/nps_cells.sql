-- One row per touchpoint, wave and segment of the NPS surveys. touchpoint 'relational' comes in waves;
-- its segments are regions: 'OH', 'MI', 'other' (every other region: no effect of region) and 'all'.
-- touchpoint 'order' has no wave; its segments are 'late', 'in time' and 'all'. promoter, passive and
-- detractor are the planted probabilities, of 'all' weighted by the answers; nps what they lead to.
-- invited and answered: asked, and valid last answers by the last day. changed: the planted
-- probabilities differ from those of the wave before (null in the first). is_planted: something was
-- planted in this cell; false: it is as the others are.
with asked as (

    select kind, wave_no, segment, count(*) as invited
    from survey_asks
    where kind <= 2
    group by kind, wave_no, segment

),

answered as (

    select kind, wave_no, segment, count(*) as answered
    from survey_answers
    where kind <= 2 and is_counted
    group by kind, wave_no, segment

),

cells as (

    select
        chances.*,
        coalesce(asked.invited, 0) as invited,
        coalesce(answered.answered, 0) as answered
    from nps_chances as chances
    left join asked
        on
            chances.touchpoint = if(asked.kind = 1, 'relational', 'order')
            and chances.wave_no is not distinct from asked.wave_no
            and chances.segment = asked.segment
    left join answered
        on
            chances.touchpoint = if(answered.kind = 1, 'relational', 'order')
            and chances.wave_no is not distinct from answered.wave_no
            and chances.segment = answered.segment

),

with_all as (

    select touchpoint, wave_no, segment, promoter, passive, detractor, invited, answered, is_planted
    from cells

    union all

    select
        touchpoint,
        wave_no,
        'all',
        round(sum(promoter * answered) / nullif(sum(answered), 0), 4),
        round(sum(passive * answered) / nullif(sum(answered), 0), 4),
        round(sum(detractor * answered) / nullif(sum(answered), 0), 4),
        sum(invited),
        sum(answered),
        touchpoint = 'relational' and bool_or(segment = 'other' and is_planted)
    from cells
    group by touchpoint, wave_no

)

select
    with_all.touchpoint,
    survey_waves.wave,
    survey_waves.sent_on,
    with_all.segment,
    cast(with_all.promoter as double) as promoter,
    cast(with_all.passive as double) as passive,
    cast(with_all.detractor as double) as detractor,
    round(100 * cast(with_all.promoter - with_all.detractor as double), 2) as nps,
    cast(with_all.invited as bigint) as invited,
    cast(with_all.answered as bigint) as answered,
    survey_waves.has_drop <> before.has_drop as changed,
    with_all.is_planted
from with_all
left join survey_waves on with_all.wave_no = survey_waves.wave_no
left join survey_waves as before on with_all.wave_no = before.wave_no + 1
order by with_all.touchpoint, survey_waves.wave, with_all.segment
