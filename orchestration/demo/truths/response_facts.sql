-- One row per answer to a survey that was delivered. touchpoint: 'relational', 'order' or 'ticket'.
-- person_id: who answered; null where nobody can know, because the ticket was a stranger's.
-- is_counted: it counts by the rules: a valid score, the last within its wave or, without a wave, within
-- 14 days of the first to the same question. is_flip: counts, and turned a good first answer into a bad
-- one (csat). is_valid: a whole number on its scale.
with answers as (

    select
        *,
        kind > 2 or score = floor(score) as is_valid,
        first(score) over (partition by ask_no order by answer_no) as first_score,
        first(answer_no) over (partition by ask_no order by answer_no) as first_answer_no
    from survey_answers

)

select
    'S' || cast(answers.ask_no as varchar) || cast(answers.answer_no as varchar) as response_id,
    if(tickets.is_stranger, null, 'person-' || cast(answers.person_id as varchar)) as person_id,
    if(answers.kind <= 2, 'nps', 'csat') as survey,
    case answers.kind when 1 then 'relational' when 3 then 'ticket' else 'order' end as touchpoint,
    survey_waves.wave,
    answers.segment,
    answers.is_valid,
    answers.is_counted,
    answers.is_counted
    and answers.answer_no = 2
    and answers.first_answer_no = 1
    and (
        (answers.kind = 3 and answers.first_score >= 4 and answers.score <= 3)
        or (answers.kind = 4 and answers.first_score >= 6 and answers.score <= 5)
    ) as is_flip
from answers
left join survey_waves on answers.wave_no = survey_waves.wave_no
left join tickets on case when answers.kind = 3 then answers.subject_no end = tickets.ticket_no
order by response_id
