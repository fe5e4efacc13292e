with known as (

    select
        answers.*,
        survey_waves.wave,
        tickets.is_stranger,
        tickets.requester_email,
        orders.order_id,
        case
            when tickets.is_stranger then null
            when answers.kind in (2, 4) then orders.account_id
            when draw(answers.ask_no, 'asked by account') < 0.7 then identities.account_id
        end as known_account_id,
        case
            when tickets.is_stranger then null
            when answers.kind = 1 then identities.member_id
        end as known_member_id,
        coalesce(email_changes.old_email, people.email) as known_email
    from survey_answers as answers
    inner join people on answers.person_id = people.person_id
    inner join identities on answers.person_id = identities.person_id
    left join survey_waves on answers.wave_no = survey_waves.wave_no
    left join tickets on case when answers.kind = 3 then answers.subject_no end = tickets.ticket_no
    left join orders on case when answers.kind in (2, 4) then answers.subject_no end = orders.occasion_id
    left join email_changes
        on answers.person_id = email_changes.person_id and desk_day(answers.sent) < email_changes.changed_on
    where answers.landed_on between getvariable('since') and getvariable('day')

)

select
    'S' || cast(ask_no as varchar) || cast(answer_no as varchar) as response_id,
    if(kind <= 2, 'nps', 'csat') as survey,
    wave,
    case
        when kind = 3 and (is_stranger or requester_email is not null) then requester_email
        -- the tool forgets the address of some, and knows who they are all the same
        when draw(ask_no, 'address lost') < 0.15 and coalesce(known_account_id, known_member_id) is not null then null
        else known_email
    end as email,
    known_account_id as account_id,
    known_member_id as member_id,
    case when kind = 3 then 'T' || cast(subject_no as varchar) end as ticket_id,
    case when kind in (2, 4) then order_id end as order_id,
    iso(to_utc(desk_clock(sent), desk_zone())) as sent_at,
    iso(to_utc(desk_clock(answered), desk_zone())) as answered_at,
    score,
    scale_min,
    scale_max,
    case
        when draw(ask_no * 4 + answer_no, 'comments') >= 0.25 then null
        when score >= if(kind <= 2, 9, if(kind = 3, 4, 6))
            then one_of(ask_no, 'good comment', ['Always a pleasure.', 'Quick and friendly.', 'I got what I wanted.', 'Good prices, good people.', 'Keep it up.'])
        when score <= if(kind <= 2, 6, if(kind = 3, 2, 3))
            then one_of(ask_no, 'bad comment', ['It took far too long.', 'Nobody could help me.', 'I expected more.', 'Not again.', 'Write to me at reader' || cast(ask_no % 100000 as varchar) || '@example.com.'])
        else one_of(ask_no, 'middling comment', ['It was all right.', 'Nothing special.', 'Fine, could be quicker.'])
    end as comment,
    landed_on
from known
-- answers without a scale last, so that the rows spoilt by the demo are refused for their scale
order by scale_max is null, response_id
