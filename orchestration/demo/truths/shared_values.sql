-- One row per value that stands in records of several people although it identifies none of them.
-- kind: 'junk' (nobody's), 'store' (the number of a store, typed for customers), 'shared_email' (a
-- couple's) or 'shared_landline' (a household's). value is null for the last two, whose values are
-- people's own: value_count says how many there are. record_count, person_count: how many of each.
with told as (

    select distinct
        written.record_no,
        written.person_id,
        written.email,
        written.phone,
        written.birth_date,
        records.email_kind,
        records.phone_kind,
        records.birth_kind,
        records.household_id
    from written
    inner join records on written.record_no = records.record_no
    where
        records.email_kind in ('junk', 'shared') or records.phone_kind in ('junk', 'store', 'landline')
        or records.birth_kind = 'junk'

),

listed as (

    select 'email' as field, email_kind as kind, if(email_kind = 'junk', email, null) as value, lower(email) as own_value, record_no, person_id
    from told
    where email_kind in ('junk', 'shared')

    union all

    select 'phone', phone_kind, if(phone_kind <> 'landline', phone, null),
        if(phone_kind = 'landline', cast(household_id as varchar), phone), record_no, person_id
    from told
    where phone_kind in ('junk', 'store', 'landline')

    union all

    select 'birth_date', birth_kind, cast(birth_date as varchar), cast(birth_date as varchar), record_no, person_id
    from told
    where birth_kind = 'junk'

)

select
    field,
    case kind when 'shared' then 'shared_email' when 'landline' then 'shared_landline' else kind end as kind,
    value,
    count(distinct own_value) as value_count,
    count(distinct record_no) as record_count,
    count(distinct person_id) as person_count
from listed
group by field, kind, value
order by field, kind, value
