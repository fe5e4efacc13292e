-- What people allowed the shop to do, as the systems that asked them noted it.
--
-- consent_events(consent_no, person_id, email, account_id, member_id, phone, purpose, medium, status,
--          effective_at (UTC), expires_at, source, landed_on): one row per statement. One of email,
--          account_id, member_id and phone says whose it is; of imported ones two do.
-- Base rates, our assumptions: of the newsletter's readers 70 % granted e-mail marketing where they
-- subscribed, 8 % any marketing, 5 % denied it and 17 % were never asked; of those who leave the
-- newsletter 92 % withdraw here too. One person in twelve has no statement at all. One grant in ten
-- holds for two years only. Accounts and cards ask for other purposes and media; most never did.

create table consent_events as
with asked as (

    -- who has no statement at all keeps out of every source
    select
        person_id,
        max(created_at) filter (where slot = 3) as account_at,
        max(created_at) filter (where slot = 5) as member_at,
        max(record_id) filter (where slot = 3) as account_id,
        max(record_id) filter (where slot = 5) as member_id
    from records
    where slot in (3, 5) and draw(person_id, 'was never asked') >= 0.08
    group by person_id

),

readers as (

    select
        subscribers.*,
        draw(subscribers.person_id, 'newsletter consent')
        -- who loves e-mail grants it
        * if(behaviours.favourite_channel is not distinct from 'email', 0.8, 1.0) as answer
    from subscribers
    inner join behaviours on subscribers.person_id = behaviours.person_id
    where draw(subscribers.person_id, 'was never asked') >= 0.08

),

leavers as (

    select person_id, left_on
    from behaviours
    where left_on is not null

),

stated as (

    select
        person_id, 0 as statement_no, email, null as account_id, null as member_id,
        'marketing' as purpose,
        if(answer >= 0.70 and answer < 0.78, 'any', 'email') as medium,
        if(answer < 0.78, 'granted', 'denied') as status,
        subscribed_at as effective_at,
        'newsletter_form' as source
    from readers
    where answer < 0.83

    union all

    select person_id, 1, email, null, null, 'marketing', 'email', 'withdrawn', unsubscribed_at, 'unsubscribe_link'
    from readers
    where unsubscribed_at is not null and draw(person_id, 'withdraws') < 0.92

    union all

    -- one in twelve of them comes back
    select
        person_id, 2, email, null, null, 'marketing', 'email', 'granted',
        unsubscribed_at + to_seconds(cast(floor(86400 * (5 + 60 * draw(person_id, 'grants again when'))) as bigint)), 'preference_centre'
    from readers
    where unsubscribed_at is not null and draw(person_id, 'grants again') < 0.08

    union all

    select
        person_id, 3, null, account_id, null, 'personalisation', 'web',
        if(draw(person_id, 'personalisation') < 0.30, 'granted', 'denied'), account_at, 'web_account'
    from asked
    where account_id is not null and draw(person_id, 'personalisation') < 0.40

    union all

    select
        person_id, 4, null, account_id, null, 'analytics', 'web',
        if(draw(person_id, 'analytics') < 0.30, 'granted', 'denied'), account_at, 'web_account'
    from asked
    where account_id is not null and draw(person_id, 'analytics') < 0.36

    union all

    select
        asked.person_id, 5, null, asked.account_id, null, 'marketing', 'push',
        if(draw(asked.person_id, 'push consent') < 0.5, 'granted', 'denied'), asked.account_at, 'app_settings'
    from asked
    inner join behaviours on asked.person_id = behaviours.person_id
    where asked.account_id is not null and behaviours.has_app and draw(asked.person_id, 'push consent') < 0.6

    union all

    select
        asked.person_id, 6, null, null, asked.member_id, 'marketing', 'sms',
        if(draw(asked.person_id, 'sms consent') < if(behaviours.favourite_channel is not distinct from 'sms', 0.9, 0.3), 'granted', 'denied'),
        asked.member_at, 'store_form'
    from asked
    inner join behaviours on asked.person_id = behaviours.person_id
    where asked.member_id is not null
        and draw(asked.person_id, 'sms consent') < if(behaviours.favourite_channel is not distinct from 'sms', 0.95, 0.4)

    union all

    select
        person_id, 7, null, null, member_id, 'marketing', 'post',
        if(draw(person_id, 'post consent') < 0.2, 'granted', 'denied'), member_at, 'store_form'
    from asked
    where member_id is not null and draw(person_id, 'post consent') < 0.28

    union all

    select person_id, 8, null, null, member_id, 'service', 'phone', 'granted', member_at, 'store_form'
    from asked
    where member_id is not null and draw(person_id, 'service consent') < 0.1

    union all

    -- 2 % forbid all marketing in the period, whatever they said before
    select
        person_id, 9, null, coalesce(account_id, null), if(account_id is null, member_id, null), 'marketing', 'any', 'withdrawn',
        greatest(cast(first_day() as timestamp), account_at, member_at)
        + to_seconds(cast(floor(86400 * day_count() * draw(person_id, 'forbids all when')) as bigint)),
        'preference_centre'
    from asked
    where draw(person_id, 'forbids all') < 0.02

    union all

    -- 3 % of the readers with an account were imported from two systems at one moment, which disagree
    select readers.person_id, 10 + numbers.number, readers.email, asked.account_id, null, 'marketing', 'email',
        if(numbers.number = 0, 'granted', 'denied'),
        greatest(readers.subscribed_at, asked.account_at) + interval 1 day,
        if(numbers.number = 0, 'import_newsletter', 'import_shop')
    from readers
    inner join asked on readers.person_id = asked.person_id
    cross join range(0, 2) as numbers (number)
    where asked.account_id is not null and draw(readers.person_id, 'imported') < 0.03

),

dated as (

    select
        stated.*,
        stated.person_id * 16 + stated.statement_no as consent_no
    from stated
    left join leavers on stated.person_id = leavers.person_id
    where leavers.left_on is null or stated.effective_at < leavers.left_on or stated.source = 'unsubscribe_link'

),

landed as (

    select
        dated.consent_no, dated.person_id, dated.email, dated.account_id,
        -- three in ten of the forms about text messages name the phone only
        if(dated.statement_no = 6 and draw(dated.consent_no, 'by phone') < 0.3, null, dated.member_id) as member_id,
        if(dated.statement_no = 6 and draw(dated.consent_no, 'by phone') < 0.3, '+1' || cast(people.mobile as varchar), null) as phone,
        dated.purpose, dated.medium, dated.status, dated.effective_at,
        -- two years, for one grant in ten
        if(status = 'granted' and draw(consent_no, 'expires') < 0.1, effective_at + interval 730 day, null) as expires_at,
        source,
        -- 2 % come late
        greatest(
            first_day(),
            cast(effective_at - interval 4 hour as date)
            + if(draw(consent_no, 'consent late') < 0.02, 1 + pick(consent_no, 'consent late days', 14), 0)
        ) as landed_on
    from dated
    inner join people on dated.person_id = people.person_id

)

select *
from landed
where landed_on <= last_day()
order by landed_on, consent_no;
