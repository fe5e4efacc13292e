-- One row per record of a system that keeps people: whose it is. person_id is null for test records.
-- note: what makes it hard to tell, the gravest only: 'test_record', 'guest' (a checkout without an
-- account), 'typed_anew' (the person had a record there already), 'maiden_name', 'shared_email' (the
-- partner's), 'other_email' (another own mailbox, or the one at work), 'old_email', 'old_address' (not
-- told of the move), 'nickname', 'typo' (name or e-mail, not put right), 'swapped_names', 'initial',
-- 'junk', or 'plain'. The kinds say what was wrong with each field when it was typed; null is nothing.
-- family: 'twins' or 'namesakes' (father and son of one name), null for most.
with last_versions as (

    select
        record_no,
        max_by(person_on, version_no) as person_on,
        max_by(address_on, version_no) as address_on,
        bool_or(is_corrected) as is_corrected,
        bool_or(has_new_job) as has_new_job
    from record_versions
    group by record_no

)

select
    records.system as source,
    records.record_id as source_record_id,
    'person-' || cast(records.person_id as varchar) as person_id,
    'household-' || cast(records.household_id as varchar) as household_id,
    case
        when records.is_guest then 'guest'
        when records.is_anew then 'typed_anew'
        when records.name_kind = 'maiden' or last_versions.person_on < people.married_on then 'maiden_name'
        when last_versions.has_new_job then 'other_email'
        when records.email_kind = 'shared' then 'shared_email'
        when records.email_kind in ('work', 'other') then 'other_email'
        when last_versions.person_on < email_changes.changed_on and records.email_kind is distinct from 'missing' then 'old_email'
        when last_versions.address_on < addresses.from_on and records.address_kind is distinct from 'missing' then 'old_address'
        when records.name_kind = 'nickname' then 'nickname'
        when (records.name_kind in ('typo_first', 'typo_last') or records.email_kind = 'typo') and not last_versions.is_corrected then 'typo'
        when records.name_kind = 'swapped' then 'swapped_names'
        when records.name_kind = 'initial' then 'initial'
        when records.email_kind = 'junk' or records.phone_kind in ('junk', 'store') or records.birth_kind = 'junk' then 'junk'
        else 'plain'
    end as note,
    people.family,
    records.name_kind,
    records.email_kind,
    records.phone_kind,
    records.address_kind,
    records.birth_kind,
    coalesce(last_versions.is_corrected, false) as is_corrected
from records
inner join last_versions on records.record_no = last_versions.record_no
inner join people on records.person_id = people.person_id
inner join addresses
    on records.household_id = addresses.household_id and addresses.to_on = date '2999-12-31'
left join email_changes on records.person_id = email_changes.person_id

union all

select
    'crm.contacts', 'T' || cast(test_no as varchar), null, null, 'test_record',
    null, null, 'junk', 'junk', null, 'junk', false
from range(1, 2 + people_count() // 1000) as numbers (test_no)

order by source, source_record_id
