-- Surveys: who is asked how likely they are to recommend the shop (nps), or how content they are with
-- an answer of the help desk or with an order (csat), and what they say.
--
-- survey_waves(wave_no, wave, sent_on, has_drop): one wave a quarter that the period covers by then.
-- nps_chances(touchpoint, wave_no, segment, promoter, passive, detractor, is_planted): touchpoint
--            'relational' (in waves; segment is a region, or 'other' for all regions without an
--            effect) or 'order' (segment 'late' or 'in time').
-- csat_chances(touchpoint, segment, satisfied, is_planted): touchpoint 'ticket' (segment: topic, with
--            ' in issue' for what was opened during a planted issue) or 'order'.
-- survey_asks(landed_on, ask_no, kind, person_id, wave_no, subject_no, segment, sent): kind 1: nps of
--            a wave, 2: nps after an order, 3: csat after a solved ticket, 4: csat after an order, on
--            a scale of seven. subject_no: person, occasion or ticket. sent: see 300. Sorted.
-- survey_answers(landed_on, ask_no, kind, person_id, wave_no, subject_no, segment, sent, answer_no,
--            answered, score, scale_min, scale_max, is_counted): answer_no 2 is the one that counts;
--            1 was given before it to the same question, 3 weeks after it. is_counted: whether the
--            answer counts by the rules (last within the wave, or within 14 days; a valid score).

create table survey_waves as
with quarters as (

    select cast(quarter_start as date) as quarter_start
    from (
        select unnest(range(date_trunc('quarter', first_day()), last_day() + 1, interval 3 month)) as quarter_start
    ) as starts

)

select
    row_number() over (order by quarter_start) as wave_no,
    year(quarter_start) || '-Q' || quarter(quarter_start) as wave,
    quarter_start + 50 as sent_on,
    -- the third of four waves is sent while people cannot log in
    row_number() over (order by quarter_start) % 4 = 3 as has_drop
from quarters
where quarter_start + 50 between first_day() and last_day() - 14;

create table nps_chances as
with shifts (segment, promoter_shift, detractor_shift) as (

    values
    ('other', 0.0, 0.0),
    ('OH', 0.15, -0.10),
    ('MI', -0.15, 0.18)

),

chances as (

    select
        'relational' as touchpoint,
        survey_waves.wave_no,
        shifts.segment,
        if(survey_waves.has_drop, 0.30, 0.45) + shifts.promoter_shift as promoter,
        if(survey_waves.has_drop, 0.40, 0.25) + shifts.detractor_shift as detractor,
        shifts.segment <> 'other' or survey_waves.has_drop as is_planted
    from survey_waves
    cross join shifts

    union all

    select * from (
        values
        ('order', null, 'in time', 0.50, 0.20, false),
        ('order', null, 'late', 0.22, 0.52, true)
    ) as orders_chances
)

select
    touchpoint,
    wave_no,
    segment,
    cast(promoter as decimal(4, 2)) as promoter,
    cast(1 - promoter - detractor as decimal(4, 2)) as passive,
    cast(detractor as decimal(4, 2)) as detractor,
    is_planted
from chances;

create table csat_chances as
from (
    values
    ('ticket', 'delivery_late', 0.68, false),
    ('ticket', 'delivery_late in issue', 0.40, true),
    ('ticket', 'unavailable_product', 0.74, false),
    ('ticket', 'unavailable_product in issue', 0.50, true),
    ('ticket', 'damaged_item', 0.76, false),
    ('ticket', 'damaged_item in issue', 0.45, true),
    ('ticket', 'coupon_not_working', 0.78, false),
    ('ticket', 'coupon_not_working in issue', 0.48, true),
    ('ticket', 'login_problem', 0.80, false),
    ('ticket', 'login_problem in issue', 0.38, true),
    ('ticket', 'wrong_item', 0.78, false),
    ('ticket', 'refund_missing', 0.72, false),
    ('ticket', 'payment_failed', 0.78, false),
    ('ticket', 'product_question', 0.88, false),
    ('ticket', 'loyalty_points', 0.84, false),
    ('order', 'in time', 0.84, false),
    ('order', 'late', 0.50, true)
) as chances (touchpoint, segment, satisfied, is_planted);

create table survey_asks as
with members as (

    select
        people.person_id,
        if(people.region in ('OH', 'MI'), people.region, 'other') as segment,
        behaviours.left_on
    from people
    inner join identities on people.person_id = identities.person_id
    inner join behaviours on people.person_id = behaviours.person_id
    where identities.account_id is not null or identities.member_id is not null

),

asked as (

    select
        1 as kind,
        members.person_id * 100 + survey_waves.wave_no as key,
        members.person_id,
        survey_waves.wave_no,
        members.person_id as subject_no,
        members.segment,
        desk_seconds(survey_waves.sent_on + pick(members.person_id * 100 + survey_waves.wave_no, 'asked on', 4), 36000)
        + pick(members.person_id * 100 + survey_waves.wave_no, 'asked at', 14400) as sent
    from members
    inner join survey_waves on members.left_on is null or members.left_on > survey_waves.sent_on + 4
    where draw(members.person_id * 100 + survey_waves.wave_no, 'is asked') < 0.3

    union all

    -- one draw: nobody is asked twice about one order
    select
        if(draw(occasion_id, 'asked about order') < 0.08, 2, 4),
        occasion_id,
        person_id,
        null,
        occasion_id,
        null,
        desk_seconds(bought_on + 9, 32400) + pick(occasion_id, 'asked about order at', 36000)
    from occasions
    where channel = 'web' and draw(occasion_id, 'asked about order') < 0.13

    union all

    select
        3,
        tickets.ticket_no,
        tickets.person_id,
        null,
        tickets.ticket_no,
        tickets.topic || if(
            issues.topic is not null and (issues.category is null or issues.category = tickets.category)
            and desk_day(tickets.created) between issues.starts_on and issues.ends_on,
            ' in issue', ''
        ),
        ticket_times.solved + 72000
    from tickets
    inner join ticket_times on tickets.ticket_no = ticket_times.ticket_no
    left join service_issues as issues on tickets.topic = issues.topic
    where ticket_times.solved is not null and tickets.slot < 2

)

select
    desk_day(asked.sent) as landed_on,
    cast(asked.kind as bigint) * 1000000000000 + asked.key as ask_no,
    cast(asked.kind as tinyint) as kind,
    asked.person_id,
    asked.wave_no,
    asked.subject_no,
    case when asked.kind in (2, 4) then if(orders.is_late, 'late', 'in time') else asked.segment end as segment,
    asked.sent
from asked
inner join behaviours on asked.person_id = behaviours.person_id
left join orders on case when asked.kind in (2, 4) then asked.subject_no end = orders.occasion_id
where
    asked.sent < desk_seconds(last_day() + 1, 0)
    and (asked.kind not in (2, 4) or orders.order_id is not null)
    and (behaviours.left_on is null or desk_day(asked.sent) < behaviours.left_on)
order by landed_on;

create table survey_answers as
with answering as (

    select
        survey_asks.* exclude (landed_on),
        behaviours.left_on,
        nps_chances.promoter,
        nps_chances.passive,
        csat_chances.satisfied,
        draw(survey_asks.ask_no, 'says') as says,
        draw(survey_asks.ask_no, 'says exactly') as exactly,
        draw(survey_asks.ask_no, 'answers twice') as twice_draw,
        draw(survey_asks.ask_no, 'odd answer') as odd_draw
    from survey_asks
    inner join behaviours on survey_asks.person_id = behaviours.person_id
    left join nps_chances
        on
            case survey_asks.kind when 1 then 'relational' when 2 then 'order' end = nps_chances.touchpoint
            and survey_asks.wave_no is not distinct from nps_chances.wave_no
            and survey_asks.segment = nps_chances.segment
    left join csat_chances
        on
            case survey_asks.kind when 3 then 'ticket' when 4 then 'order' end = csat_chances.touchpoint
            and survey_asks.segment = csat_chances.segment
    where draw(survey_asks.ask_no, 'answers') < case survey_asks.kind when 1 then 0.22 when 3 then 0.28 else 0.25 end

),

scored as (

    select
        *,
        sent + case
            -- wrong clocks; and those who find the mail again when the next quarter has begun
            when odd_draw < 0.003 then -3600 - pick(ask_no, 'answers before', 7200)
            when kind = 1 and odd_draw < 0.033 then 86400 * (60 + pick(ask_no, 'answers late', 20))
            else 300 + cast(least(900000, 130000 * wait(ask_no, 'answers after')) as bigint)
        end as first_answered,
        case
            when kind <= 2 and says < promoter then if(exactly < 0.45, 9, 10)
            when kind <= 2 and says < promoter + passive then if(exactly < 0.45, 7, 8)
            when kind <= 2 then [6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 3, 3, 2, 2, 1, 0, 0, 0][1 + cast(floor(exactly * 20) as integer)]
            when kind = 3 and says < satisfied then if(exactly < 0.4, 4, 5)
            when kind = 3 then [3, 3, 2, 2, 1, 1][1 + cast(floor(exactly * 6) as integer)]
            when says < satisfied then if(exactly < 0.45, 6, 7)
            else [5, 5, 5, 4, 4, 4, 3, 3, 2, 1][1 + cast(floor(exactly * 10) as integer)]
        end as score
    from answering

),

answers as (

    select *, 2 as answer_no, first_answered + if(twice_draw < 0.04, 86400 + cast(1000000 * draw(ask_no, 'answers again after') as bigint), 0) as answered
    from scored

    union all

    -- what they said first: the opposite, mostly
    select
        * replace (
            case
                when kind <= 2 then if(score >= 9, 6, 9)
                when draw(ask_no, 'changes mind') < 0.3 then score
                when kind = 3 then if(score >= 4, 2, 5)
                else if(score >= 6, 3, 7)
            end as score
        ),
        1,
        first_answered
    from scored
    where twice_draw < 0.04

    union all

    -- another word on an old ticket
    select * replace (if(score >= 4, 1, 5) as score), 3, first_answered + 86400 * (28 + pick(ask_no, 'third answer', 20))
    from scored
    where kind = 3 and twice_draw > 0.995

)

select
    desk_day(answered) as landed_on,
    ask_no,
    kind,
    person_id,
    wave_no,
    subject_no,
    segment,
    sent,
    cast(answer_no as tinyint) as answer_no,
    answered,
    -- somebody's form lets people answer between two numbers
    cast(if(kind <= 2 and answer_no = 2 and odd_draw > 0.996, 7.5, score) as decimal(9, 1)) as score,
    -- without a scale the usual one is meant
    case when kind = 4 or draw(ask_no, 'tells scale') >= 0.03 then if(kind <= 2, 0, 1) end as scale_min,
    case when kind = 4 or draw(ask_no, 'tells scale') >= 0.03 then case when kind <= 2 then 10 when kind = 3 then 5 else 7 end end as scale_max,
    -- the last valid one of the first two, if it was given in time to be here
    coalesce(
        answer_no = max(answer_no) filter (where answer_no = 1 or (answer_no = 2 and not (kind <= 2 and odd_draw > 0.996)))
        over (partition by ask_no),
        false
    ) as is_counted
from answers
where
    answered < desk_seconds(last_day() + 1, 0)
    and (left_on is null or desk_day(answered) < left_on)
order by landed_on;
