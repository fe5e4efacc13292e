-- How the systems that keep people know them: every record, how badly it was typed, and every
-- version of it that is sent. What a person really is stands in `people`; nobody's record says so.
--
-- record_rates(system, ..): how often a field is missing or spoilt, by system.
-- unsubscribes(person_id, unsubscribed_at, unsubscribed_on): who leaves the newsletter in the period,
--          when (UTC), and on which day there. Use subscribers: somebody may subscribe only later.
-- records(record_no, system, record_id, person_id, household_id, slot, is_guest, is_anew,
--          created_at (UTC), created_on (the person's day), known_on, name_kind, email_kind,
--          phone_kind, address_kind, birth_kind): one row per record of a person.
--          system: 'crm.contacts', 'shop.accounts', 'loyalty.members', 'newsletter.subscribers'.
--          is_anew: typed anew for somebody who had a record already. known_on: what the first
--          version says was true on this day. The kinds say what is wrong; null is nothing.
-- record_versions(record_no, version_no, updated_on, person_on, address_on, is_corrected,
--          has_new_job, has_new_tier, is_unsubscribed, landed_on, copy_no): what is sent.
--          person_on, address_on: names and e-mail, or the address, as they were on that day.
--          copy_no: 0, or 1 for a row that is sent twice; -1 for an old version that comes again.
-- written(system, record_no, version_no, copy_no, landed_on, record_id, person_id, is_guest, ..): the
--          versions as text, as the deliveries send them.
-- subscribers(person_id, subscriber_id, email, subscribed_at, unsubscribed_at): the newsletter's
--          readers, with the address they typed.

-- As numbers with names: these stand in millions of rows.
create type record_system as enum ('crm.contacts', 'shop.accounts', 'loyalty.members', 'newsletter.subscribers');
create type record_flaw as enum (
    'initial', 'junk', 'landline', 'lower', 'maiden', 'missing', 'nickname', 'other', 'shared', 'short',
    'store', 'swapped', 'typo', 'typo_first', 'typo_last', 'upper', 'work'
);

-- Rates are shares of the records for which the thing is possible: nicknames of those whose name has
-- one, landlines of households with one, shared e-mails of second adults in households that share
-- one (a quarter of them), work e-mails of those who have one. They are our assumptions.
create table record_rates as
select * replace (cast(system as record_system) as system)
from (values
    ('crm.contacts', false, 0.010, 0.09, 0.050, 0.05, 0.01, 0.012, 0.025, 0.25, 0.020, 0.03, 0.6, 0.30, 0.03, 0.012,
        0.30, 0.35, 0.015, 0.008, 0.012, 0.55, 0.020, 0.02, 0.30, 0.020, 0.30),
    ('shop.accounts', false, 0.030, 0.05, 0.020, 0.01, 0.06, 0.006, 0.010, 0.00, 0.006, 0.02, 0.0, 0.25, 0.02, 0.000,
        0.45, 0.10, 0.010, 0.010, 0.000, 1.00, 0.000, 0.00, 0.25, 0.015, 0.25),
    ('shop.accounts', true, 0.010, 0.06, 0.030, 0.01, 0.08, 0.006, 0.020, 0.00, 0.015, 0.03, 0.5, 0.20, 0.07, 0.004,
        0.35, 0.15, 0.015, 0.020, 0.000, 1.00, 0.000, 0.00, 0.00, 0.020, 0.30),
    ('loyalty.members', false, 0.020, 0.08, 0.050, 0.06, 0.01, 0.012, 0.030, 0.35, 0.025, 0.04, 0.6, 0.10, 0.03, 0.012,
        0.25, 0.35, 0.015, 0.010, 0.015, 0.30, 0.030, 0.02, 0.12, 0.000, 0.00),
    ('newsletter.subscribers', false, 0.400, 0.12, 0.030, 0.01, 0.10, 0.000, 0.000, 0.00, 0.010, 0.05, 0.0, 0.20, 0.03, 0.003,
        1.00, 0.00, 0.000, 0.000, 0.000, 1.00, 0.000, 0.00, 1.00, 0.000, 0.00)
) as rates (
    system, is_guest, no_name, nickname, name_typo, upper_name, lower_name, swapped_name, initial,
    no_email, email_typo, upper_email, shared_email, work_email, other_email, junk_email,
    no_phone, landline, phone_typo, junk_phone, store_phone,
    no_birth_date, junk_birth_date, birth_date_typo,
    no_address, street_typo, short_street
);

-- 6 % of the readers leave in the period, of those who love e-mail a third as many, of those who
-- leave the shop one in five.
create table unsubscribes as
with days as (

    select
        people.person_id,
        people.time_zone,
        case
            when behaviours.left_on is not null and draw(people.person_id, 'unsubscribes leaving') < 0.2
                then greatest(first_day() + 1, behaviours.left_on - 1 - pick(people.person_id, 'unsubscribes before leaving', 20))
            when
                behaviours.left_on is null
                and draw(people.person_id, 'unsubscribes')
                < if(behaviours.favourite_channel is not distinct from 'email', 0.02, 0.07)
                then first_day() + 1 + cast(floor((day_count() - 1) * draw(people.person_id, 'unsubscribes when')) as integer)
        end as unsubscribed_on
    from behaviours
    inner join people on behaviours.person_id = people.person_id
    where behaviours.is_subscriber

)

select
    person_id,
    to_utc(
        cast(unsubscribed_on as timestamp)
        + to_seconds(cast(floor(25200 + 57600 * draw(person_id, 'unsubscribes at')) as bigint)),
        time_zone
    ) as unsubscribed_at,
    unsubscribed_on
from days
where unsubscribed_on is not null;

-- What there is to be typed, and to be typed wrongly: one row per person, dropped at the end.
create temp table typists as
with heads as (

    select household_id, email
    from people
    where adult_no = 1

)

select
    people.person_id,
    people.household_id,
    people.time_zone,
    people.is_real,
    people.family,
    people.adult_no,
    people.sex,
    people.birth_date,
    people.first_name,
    people.last_name,
    people.maiden_name,
    people.married_on,
    people.name_suffix,
    people.mobile,
    people.email,
    one_of(people.person_id, 'nickname', nicknames.nicknames) as short_name,
    identities.work_email,
    email_changes.old_email,
    email_changes.changed_on as email_changed_on,
    if(people.adult_no = 2 and draw(people.household_id, 'shares e-mail') < 0.25, heads.email, null) as partner_email,
    households.landline is not null as has_landline,
    behaviours.left_on,
    behaviours.tier
from people
inner join behaviours on people.person_id = behaviours.person_id
inner join identities on people.person_id = identities.person_id
inner join households on people.household_id = households.household_id
inner join heads on people.household_id = heads.household_id
left join nicknames on people.first_name = nicknames.first_name
left join email_changes on people.person_id = email_changes.person_id;

create table records as
with known as (

    select
        identities.person_id, 'crm.contacts' as system, identities.contact_id as record_id, 0 as slot
    from identities
    where identities.contact_id is not null

    union all

    -- typed anew because nobody looked: 6 % of the contacts twice, a few three times
    select person_id, 'crm.contacts', 'K' || cast(person_id as varchar), 1
    from identities
    where contact_id is not null and draw(person_id, 'second contact') < 0.06

    union all

    select person_id, 'crm.contacts', 'J' || cast(person_id as varchar), 2
    from identities
    where contact_id is not null and draw(person_id, 'second contact') < 0.006

    union all

    select person_id, 'shop.accounts', account_id, 3
    from identities
    where account_id is not null

    union all

    select person_id, 'shop.accounts', second_account_id, 4
    from identities
    where second_account_id is not null

    union all

    select person_id, 'loyalty.members', member_id, 5
    from identities
    where member_id is not null

    union all

    select person_id, 'newsletter.subscribers', subscriber_id, 6
    from identities
    where subscriber_id is not null

),

keyed as (

    select
        known.* replace (cast(known.system as record_system) as system),
        known.person_id * 8 + known.slot as record_no,
        typists.left_on,
        typists.time_zone,
        typists.household_id,
        typists.is_real
    from known
    inner join typists on known.person_id = typists.person_id

),

drawn as (

    -- one record in eight is made in the period, of those typed anew one in three; a real
    -- household had its card before, for its purchases start on the first day
    select
        *,
        case
            when draw(record_no, 'is new') < if(slot in (1, 2, 4), 0.33, 0.12) and not (is_real and slot = 5)
                then first_day() + cast(floor(day_count() * draw(record_no, 'made when')) as integer)
        end as new_on
    from keyed

),

-- who opens an account or takes a card in the period does so for the first purchase, or before
first_purchases as (

    select
        occasions.person_id,
        min(occasions.bought_on) filter (where occasions.channel = 'web' and not occasions.is_guest) as web_on,
        min(occasions.bought_on) filter (where occasions.channel = 'store') as store_on
    from occasions
    where occasions.person_id in (select person_id from drawn where slot in (3, 5) and new_on is not null)
    group by occasions.person_id

),

made as (

    select
        drawn.* exclude (new_on, left_on, is_real),
        coalesce(
            case
                when drawn.new_on >= drawn.left_on then null
                when drawn.slot = 3 then least(drawn.new_on, first_purchases.web_on)
                when drawn.slot = 5 then least(drawn.new_on, first_purchases.store_on)
                -- newsletters were also joined in the hour that summer time skips or winter time repeats
                when drawn.slot = 6 and draw(drawn.record_no, 'clock change') < 0.03
                    then case when draw(drawn.record_no, 'which change') < 0.5
                        then cast(date_trunc('week', make_date(year(first_day()), 3, 15)) as date) - 1
                        else cast(date_trunc('week', make_date(year(first_day()), 11, 8)) as date) - 1 end
                else drawn.new_on
            end,
            first_day() - 1 - cast(floor(1500 * power(draw(drawn.record_no, 'made before'), 1.5)) as integer)
        )::date as created_on
    from drawn
    left join first_purchases on drawn.person_id = first_purchases.person_id

),

timed as (

    select
        *,
        to_utc(
            cast(created_on as timestamp) + to_seconds(cast(floor(case
                when slot = 6 and draw(record_no, 'clock change') < 0.03 and created_on >= first_day()
                    then if(month(created_on) = 3, 9000, 5400) + 300 * draw(record_no, 'made at')
                -- staff type by day; an account is opened before the first order, so early
                when slot in (0, 1, 2) then 32400 + 32400 * draw(record_no, 'made at')
                when slot in (3, 5) and created_on >= first_day() then 900 * draw(record_no, 'made at')
                else 25200 + 57600 * draw(record_no, 'made at')
            end) as bigint)),
            time_zone
        ) as created_at,
        false as is_guest
    from made

    union all

    select
        occasions.person_id,
        'shop.accounts',
        'G' || cast(occasions.occasion_id as varchar),
        7,
        occasions.occasion_id * 8 + 7,
        people.time_zone,
        people.household_id,
        occasions.bought_on,
        occasions.bought_at,
        true
    from occasions
    inner join people on occasions.person_id = people.person_id
    where occasions.is_guest

),

chanced as (

    select
        *,
        draw(record_no, 'name noise') as name_draw,
        draw(record_no, 'e-mail noise') as email_draw,
        draw(record_no, 'phone noise') as phone_draw,
        draw(record_no, 'address noise') as address_draw,
        draw(record_no, 'birth date noise') as birth_draw
    from timed

)

select
    chanced.record_no,
    chanced.system,
    chanced.record_id,
    chanced.person_id,
    chanced.household_id,
    cast(chanced.slot as tinyint) as slot,
    chanced.is_guest,
    chanced.slot in (1, 2, 4) as is_anew,
    chanced.created_at,
    chanced.created_on,
    -- a third of the old records were looked through once since
    case
        when chanced.created_on < first_day() and draw(chanced.record_no, 'looked through') < 0.33
            then first_day() - 1 - cast(floor((first_day() - 1 - chanced.created_on) * draw(chanced.record_no, 'looked through when')) as integer)
        else chanced.created_on
    end as known_on,
    case
        when name_draw < no_name then 'missing'
        when name_draw < no_name + nickname then if(typists.short_name is not null, 'nickname', null)
        when name_draw < no_name + nickname + name_typo * 0.5 then 'typo_first'
        when name_draw < no_name + nickname + name_typo then 'typo_last'
        when name_draw < no_name + nickname + name_typo + upper_name then 'upper'
        when name_draw < no_name + nickname + name_typo + upper_name + lower_name then 'lower'
        when name_draw < no_name + nickname + name_typo + upper_name + lower_name + swapped_name then 'swapped'
        when name_draw < no_name + nickname + name_typo + upper_name + lower_name + swapped_name + initial then 'initial'
        -- twins are told apart by their first names, if these are written out
        when typists.family = 'twins' and typists.adult_no >= 2 and draw(chanced.record_no, 'twin initial') < 0.15 then 'initial'
        when typists.maiden_name is not null and typists.married_on is null
            and chanced.created_on < first_day() - 365 and draw(chanced.record_no, 'maiden name') < 0.5
            then 'maiden'
    end::record_flaw as name_kind,
    case
        -- a second account needs another address
        when chanced.slot = 4 then if(typists.work_email is not null, 'work', 'other')
        when email_draw < no_email then 'missing'
        when email_draw < no_email + email_typo then 'typo'
        when email_draw < no_email + email_typo + upper_email then 'upper'
        when email_draw < no_email + email_typo + upper_email + other_email then 'other'
        when email_draw < no_email + email_typo + upper_email + other_email + junk_email then 'junk'
        when typists.partner_email is not null
            and draw(chanced.record_no, 'shared e-mail') < record_rates.shared_email then 'shared'
        when typists.work_email is not null and draw(chanced.record_no, 'work e-mail') < record_rates.work_email then 'work'
    end::record_flaw as email_kind,
    case
        when phone_draw < no_phone then 'missing'
        when phone_draw < no_phone + phone_typo then 'typo'
        when phone_draw < no_phone + phone_typo + junk_phone then 'junk'
        when phone_draw < no_phone + phone_typo + junk_phone + store_phone then 'store'
        when typists.has_landline and draw(chanced.record_no, 'landline given') < record_rates.landline then 'landline'
    end::record_flaw as phone_kind,
    case
        when address_draw < no_address then 'missing'
        when address_draw < no_address + street_typo then 'typo'
        when address_draw < no_address + street_typo + short_street then 'short'
    end::record_flaw as address_kind,
    case
        when birth_draw < no_birth_date then 'missing'
        when birth_draw < no_birth_date + junk_birth_date then 'junk'
        when birth_draw < no_birth_date + junk_birth_date + birth_date_typo then 'typo'
    end::record_flaw as birth_kind
from chanced
inner join record_rates on chanced.system = record_rates.system and chanced.is_guest = record_rates.is_guest
inner join typists on chanced.person_id = typists.person_id;

-- Why a record is written again in the period. Of the households that tell of their move, one record
-- says so within 25 days, and 60 % of the others; of the weddings told of, 70 %; of the changed
-- e-mail addresses, half; a third of the typos is put right; 4 % are touched for no reason.
create table record_changes as
with moved as (

    select
        records.record_no,
        moves.moved_on + pick(records.record_no, 'tells of move after', 25) as changed_on,
        draw(records.record_no, 'told of move') as told_draw,
        min(draw(records.record_no, 'told of move')) over (partition by records.household_id) as first_draw
    from records
    inner join moves on records.household_id = moves.household_id
    where
        moves.is_declared and not records.is_guest and records.slot <> 6
        and records.address_kind is distinct from 'missing' and records.created_on < moves.moved_on

),

changed as (

    select record_no, changed_on, 'moved' as cause
    from moved
    where told_draw < 0.6 or told_draw = first_draw

    union all

    select
        records.record_no,
        people.married_on + pick(records.record_no, 'tells of wedding after', 60),
        'married'
    from records
    inner join people on records.person_id = people.person_id
    inner join life_events on people.person_id = life_events.person_id and life_events.kind = 'new_household_member'
    where
        life_events.is_declared and people.married_on is not null and not records.is_guest
        and draw(records.record_no, 'told of wedding') < 0.7

    union all

    select
        records.record_no,
        life_events.happened_on + pick(records.record_no, 'tells of new job after', 40),
        'new job'
    from records
    inner join life_events on records.person_id = life_events.person_id and life_events.kind = 'new_job'
    inner join identities on records.person_id = identities.person_id
    -- the account if there is one, else the contact
    where life_events.is_declared and (records.slot = 3 or (records.slot = 0 and identities.account_id is null))

    union all

    select
        records.record_no,
        email_changes.changed_on + pick(records.record_no, 'tells of e-mail after', 60),
        'e-mail'
    from records
    inner join email_changes on records.person_id = email_changes.person_id
    where email_changes.changed_on >= first_day() and not records.is_guest
        and records.email_kind is null and draw(records.record_no, 'told of e-mail') < 0.5

    union all

    select
        record_no,
        greatest(created_on, first_day()) + 10 + pick(record_no, 'corrected after', 120),
        'corrected'
    from records
    where (name_kind in ('typo_first', 'typo_last') or email_kind = 'typo') and not is_guest
        and draw(record_no, 'corrected') < 0.33

    union all

    select
        record_no,
        first_day() + cast(floor(day_count() * draw(record_no, 'touched when')) as integer),
        if(slot = 5, 'tier', 'touched')
    from records
    where not is_guest and draw(record_no, 'touched') < if(slot = 5, 0.08, 0.04)

    union all

    select records.record_no, unsubscribes.unsubscribed_on, 'unsubscribed'
    from records
    inner join unsubscribes on records.person_id = unsubscribes.person_id
    where records.slot = 6

)

select
    changed.record_no,
    changed.changed_on,
    bool_or(changed.cause = 'moved') as is_moved,
    bool_or(changed.cause in ('married', 'e-mail')) as is_renamed,
    bool_or(changed.cause = 'new job') as has_new_job,
    bool_or(changed.cause = 'corrected') as is_corrected,
    bool_or(changed.cause = 'tier') as has_new_tier,
    bool_or(changed.cause = 'unsubscribed') as is_unsubscribed
from changed
inner join records on changed.record_no = records.record_no
inner join behaviours on records.person_id = behaviours.person_id
where
    changed.changed_on between first_day() + 1 and first_day() + day_count() - 1
    and changed.changed_on > records.created_on
    and (behaviours.left_on is null or changed.changed_on < behaviours.left_on)
group by changed.record_no, changed.changed_on;

create table record_versions as
with first_versions as (

    select
        record_no,
        1 as version_no,
        greatest(created_on, known_on) as updated_on,
        -- the evening belongs to the next day's export: in the west it is not over yet
        if(is_guest, cast(created_at - interval 4 hour as date), greatest(created_on, known_on) + 1) as sent_on,
        known_on as person_on,
        known_on as address_on,
        false as is_corrected,
        false as has_new_job,
        false as has_new_tier,
        false as is_unsubscribed
    from records

),

later_versions as (

    select
        record_changes.record_no,
        1 + row_number() over changes_so_far as version_no,
        record_changes.changed_on as updated_on,
        record_changes.changed_on + 1 as sent_on,
        greatest(records.known_on, max(if(record_changes.is_renamed, record_changes.changed_on, null)) over changes_so_far) as person_on,
        greatest(records.known_on, max(if(record_changes.is_moved, record_changes.changed_on, null)) over changes_so_far) as address_on,
        bool_or(record_changes.is_corrected) over changes_so_far as is_corrected,
        bool_or(record_changes.has_new_job) over changes_so_far as has_new_job,
        bool_or(record_changes.has_new_tier) over changes_so_far as has_new_tier,
        bool_or(record_changes.is_unsubscribed) over changes_so_far as is_unsubscribed
    from record_changes
    inner join records on record_changes.record_no = records.record_no
    window changes_so_far as (partition by record_changes.record_no order by record_changes.changed_on)

),

versions as (

    select
        *,
        -- 2 % come up to a fortnight late
        if(draw(record_no * 16 + version_no, 'late') < 0.02, 1 + pick(record_no * 16 + version_no, 'late days', 14), 0) as late_days
    from (
        select * from first_versions
        union all
        select * from later_versions
    ) as both_versions

),

landed as (

    select
        * exclude (sent_on),
        greatest(first_day(), sent_on + late_days) as landed_on
    from versions

),

sent as (

    select landed.*, 0 as copy_no
    from landed

    union all

    -- one row in 200 is sent twice
    select landed.*, 1
    from landed
    where draw(record_no * 16 + version_no, 'sent twice') < 0.005

    union all

    -- and of one change in 20 the version before it comes once more, after it
    select
        earlier.* exclude (landed_on),
        later.landed_on + 1 + pick(later.record_no * 16 + later.version_no, 'comes again after', 14),
        -1
    from landed as later
    inner join landed as earlier
        on later.record_no = earlier.record_no and later.version_no = earlier.version_no + 1
    where later.version_no > 1 and draw(later.record_no * 16 + later.version_no, 'comes again') < 0.05

)

select * exclude (version_no, late_days, copy_no), cast(version_no as tinyint) as version_no, cast(copy_no as tinyint) as copy_no
from sent
where landed_on <= last_day();

create macro misspelt(word, key, purpose) as
    case
        when len(word) < 4 then word || right(word, 1)
        -- two letters swapped, one lost, one twice, or the next key on the keyboard
        when pick(key, purpose || ' kind', 4) = 0 and substr(word, 2 + pick(key, purpose, len(word) - 2), 1) <> substr(word, 3 + pick(key, purpose, len(word) - 2), 1)
            then left(word, 1 + pick(key, purpose, len(word) - 2)) || substr(word, 3 + pick(key, purpose, len(word) - 2), 1)
                || substr(word, 2 + pick(key, purpose, len(word) - 2), 1) || substr(word, 4 + pick(key, purpose, len(word) - 2))
        when pick(key, purpose || ' kind', 4) = 1
            then left(word, 2 + pick(key, purpose, len(word) - 2)) || substr(word, 2 + pick(key, purpose, len(word) - 2))
        when pick(key, purpose || ' kind', 4) = 2 and regexp_matches(substr(word, 2 + pick(key, purpose, len(word) - 2), 1), '[a-z]')
            then left(word, 1 + pick(key, purpose, len(word) - 2))
                || translate(
                    substr(word, 2 + pick(key, purpose, len(word) - 2), 1),
                    'qwertyuiopasdfghjklzxcvbnm', 'wertyuioopsdfghjkllxcvbnmn'
                )
                || substr(word, 3 + pick(key, purpose, len(word) - 2))
        else left(word, 1 + pick(key, purpose, len(word) - 2)) || substr(word, 3 + pick(key, purpose, len(word) - 2))
    end;

-- Accents as they are, lost, spelt out, or written as letter and mark (the same to the eye).
create macro accented(name, key) as
    case
        when strlen(name) = len(name) then name
        when draw(key, 'accents') < 0.35 then translate(strip_accents(name), 'ŁłØø', 'LlOo')
        when draw(key, 'accents') < 0.45 then replace(replace(replace(replace(name, 'ü', 'ue'), 'ö', 'oe'), 'ø', 'oe'), 'ß', 'ss')
        when draw(key, 'accents') < 0.55
            then replace(replace(replace(replace(replace(name, 'é', 'e' || chr(769)), 'ñ', 'n' || chr(771)), 'ü', 'u' || chr(776)), 'ë', 'e' || chr(776)), 'í', 'i' || chr(769))
        else name
    end;

create macro phone_text(phone, key) as
    case
        when draw(key, 'phone form') < 0.20 then phone[1:3] || '-' || phone[4:6] || '-' || phone[7:10]
        when draw(key, 'phone form') < 0.36 then '(' || phone[1:3] || ') ' || phone[4:6] || '-' || phone[7:10]
        when draw(key, 'phone form') < 0.52 then phone
        when draw(key, 'phone form') < 0.66 then '+1 ' || phone[1:3] || '-' || phone[4:6] || '-' || phone[7:10]
        when draw(key, 'phone form') < 0.76 then '+1' || phone
        when draw(key, 'phone form') < 0.83 then phone[1:3] || '.' || phone[4:6] || '.' || phone[7:10]
        when draw(key, 'phone form') < 0.89 then '1-' || phone[1:3] || '-' || phone[4:6] || '-' || phone[7:10]
        when draw(key, 'phone form') < 0.93 then '001 ' || phone[1:3] || ' ' || phone[4:6] || ' ' || phone[7:10]
        when draw(key, 'phone form') < 0.97
            then phone[1:3] || '-' || phone[4:6] || '-' || phone[7:10] || ' x' || cast(10 + pick(key, 'extension', 90) as varchar)
        -- everybody here has that area code
        else phone[4:6] || '-' || phone[7:10]
    end;

create view writing as
with earlier_homes as (

    select household_id, to_on
    from addresses
    where address_no = 0

),

new_jobs as (

    select person_id, new_work_email
    from life_events
    where kind = 'new_job' and is_declared

),

facts as (

    select
        records.record_no,
        records.system,
        records.record_id,
        records.person_id,
        records.slot,
        records.is_guest,
        if(record_versions.is_corrected and records.name_kind in ('typo_first', 'typo_last'), null, records.name_kind) as name_kind,
        if(record_versions.is_corrected and records.email_kind = 'typo', null, records.email_kind) as email_kind,
        records.phone_kind,
        records.address_kind,
        records.birth_kind,
        records.created_at,
        record_versions.version_no,
        record_versions.copy_no,
        record_versions.updated_on,
        record_versions.updated_on = records.created_on and records.created_on >= first_day() as is_new,
        record_versions.has_new_job,
        record_versions.has_new_tier,
        record_versions.is_unsubscribed,
        record_versions.landed_on,
        typists.sex,
        typists.birth_date,
        typists.mobile,
        typists.time_zone,
        typists.tier,
        accented(if(records.name_kind = 'nickname', typists.short_name, typists.first_name), records.record_no) as first_name,
        accented(
            if(
                records.name_kind = 'maiden' or record_versions.person_on < typists.married_on,
                typists.maiden_name, typists.last_name
            )
            || case
                when typists.name_suffix is null then ''
                when draw(records.record_no, 'suffix') < 0.25 then ' ' || typists.name_suffix
                when draw(records.record_no, 'suffix') < 0.5 then ', ' || typists.name_suffix || '.'
                else ''
            end,
            records.record_no
        ) as last_name,
        case
            when record_versions.has_new_job then new_jobs.new_work_email
            when records.email_kind = 'shared' then typists.partner_email
            when records.email_kind = 'work' then typists.work_email
            -- somebody's other mailbox
            when records.email_kind = 'other'
                then plain(typists.first_name) || '.' || cast(typists.person_id as varchar) || '@inbox.example.net'
            when record_versions.person_on < typists.email_changed_on then typists.old_email
            else typists.email
        end as email,
        addresses.city_no,
        addresses.street,
        addresses.house_number,
        addresses.unit,
        addresses.postcode,
        addresses.landline
    from record_versions
    inner join records on record_versions.record_no = records.record_no
    inner join typists on records.person_id = typists.person_id
    left join earlier_homes on records.household_id = earlier_homes.household_id
    left join moves on records.household_id = moves.household_id
    left join new_jobs on records.person_id = new_jobs.person_id
    inner join addresses
        on
            records.household_id * 4 + case
                when record_versions.address_on < earlier_homes.to_on then 0
                when record_versions.address_on >= moves.moved_on then 2
                else 1
            end = addresses.home_no

),

named as (

    select
        *,
        case name_kind
            when 'typo_first' then misspelt(first_name, record_no, 'misspelt first name')
            when 'upper' then upper(first_name)
            when 'lower' then lower(first_name)
            when 'swapped' then last_name
            when 'initial' then left(first_name, 1) || '.'
            when 'missing' then if(slot <> 6 and draw(record_no, 'junk name') < 0.5, 'n/a', null)
            else first_name
        end as written_first_name,
        case name_kind
            when 'typo_last' then misspelt(last_name, record_no, 'misspelt last name')
            when 'upper' then upper(last_name)
            when 'lower' then lower(last_name)
            when 'swapped' then first_name
            when 'missing' then if(draw(record_no, 'junk name') < 0.5, 'n/a', null)
            else last_name
        end as written_last_name,
        case address_kind
            when 'short' then regexp_replace(
                replace(replace(replace(replace(replace(street, 'Street', 'St'), 'Avenue', 'Ave'), 'Road', 'Rd.'), 'Drive', 'Dr'), 'Boulevard', 'Blvd.'),
                ' (Lane)$', ' Ln'
            )
            when 'typo' then misspelt(street, record_no, 'misspelt street')
            else street
        end as written_street
    from facts

)

select
    system,
    record_no,
    version_no,
    copy_no,
    landed_on,
    record_id,
    person_id,
    is_guest,
    is_unsubscribed,
    -- a blank too many
    written_first_name || if(draw(record_no, 'blank') < 0.01, ' ', '') as first_name,
    written_last_name as last_name,
    case
        when email_kind = 'missing' and not has_new_job then null
        when email_kind = 'junk' and not has_new_job
            then one_of(record_no, 'junk e-mail', ['test@test.com', 'noreply@example.com', 'n/a', 'none', 'unknown@example.com'])
        when email_kind = 'upper' then if(draw(record_no, 'how upper') < 0.5, upper(email), upper(left(email, 1)) || substr(email, 2))
        when email_kind = 'typo' and draw(record_no, 'typo in domain') < 0.3
            then replace(replace(replace(email, '.com', '.con'), '.org', '.ogr'), '.net', '.nte')
        when email_kind = 'typo'
            then misspelt(split_part(email, '@', 1), record_no, 'misspelt e-mail') || '@' || split_part(email, '@', 2)
        else email
    end as email,
    case phone_kind
        when 'missing' then null
        when 'junk' then one_of(record_no, 'junk phone', ['0000000000', '9999999999', '1234567890', 'n/a', '-'])
        -- the store's own number, typed when the form insists on one; 555-01xx belongs to nobody
        when 'store' then '614-555-0137'
        -- the last two digits swapped
        when 'typo' then phone_text(
            cast(mobile + if(mobile % 100 // 10 = mobile % 10, 1, 9 * (mobile % 10 - mobile % 100 // 10)) as varchar),
            record_no
        )
        when 'landline' then phone_text(cast(coalesce(landline, mobile) as varchar), record_no)
        else phone_text(cast(mobile as varchar), record_no)
    end as phone,
    case birth_kind
        when 'missing' then null
        when 'junk' then one_of(record_no, 'junk birth date', [date '1900-01-01', date '1970-01-01', date '1900-01-01'])
        when 'typo' then if(
            day(birth_date) <= 12 and day(birth_date) <> month(birth_date),
            make_date(year(birth_date), day(birth_date), month(birth_date)), birth_date + 365
        )
        else birth_date
    end as birth_date,
    case
        when draw(record_no, 'gender') < 0.4 then null
        when draw(record_no, 'gender') < 0.7 then upper(sex)
        when draw(record_no, 'gender') < 0.99 then if(sex = 'f', 'female', 'male')
        else if(sex = 'f', 'M', 'F')
    end as gender,
    case
        when address_kind = 'missing' or slot = 5 then null
        when draw(record_no, 'number in street') < 0.06 then house_number || ' ' || written_street || coalesce(', ' || unit, '')
        when name_kind = 'upper' then upper(written_street)
        else written_street
    end as street,
    case
        when address_kind = 'missing' or slot = 5 or draw(record_no, 'number in street') < 0.06 then null
        when draw(record_no, 'unit') < 0.75 then house_number || coalesce(' ' || unit, '')
        else house_number
    end as house_number,
    case
        when address_kind = 'missing' then null
        when draw(record_no, 'postcode') < 0.01 then left(postcode, 3) || substr(postcode, 5, 1) || substr(postcode, 4, 1)
        when draw(record_no, 'postcode') < 0.06 then postcode || '-' || lpad(cast(pick(record_no, 'plus four', 9999) as varchar), 4, '0')
        else postcode
    end as postcode,
    city_no,
    address_kind is distinct from 'missing' as has_address,
    tier,
    has_new_tier,
    created_at,
    case
        when is_new then created_at
        else to_utc(
            cast(updated_on as timestamp) + to_seconds(cast(floor(64800 + 14400 * draw(record_no * 16 + version_no, 'updated at')) as bigint)),
            time_zone
        )
    end as updated_at
from named;

-- What was exported on the first day comes first, and the rest by day, so that a later delivery reads
-- little more than its own.
create table written as
select *
from writing
where landed_on <= first_day();

insert into written
select *
from writing
where landed_on > first_day()
order by landed_on, record_no, version_no, copy_no;

drop view writing;
drop table typists;

create table subscribers as
select
    written.person_id,
    any_value(written.record_id) as subscriber_id,
    any_value(written.record_no) as record_no,
    min_by(written.email, written.version_no) as email,
    any_value(written.created_at) as subscribed_at,
    any_value(unsubscribes.unsubscribed_at) as unsubscribed_at
from written
inner join records on written.record_no = records.record_no
left join unsubscribes
    on written.person_id = unsubscribes.person_id and records.created_on < unsubscribes.unsubscribed_on
where written.system = 'newsletter.subscribers' and written.copy_no = 0
group by written.person_id;
