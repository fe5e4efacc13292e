{{ config(schema='vault') }}

with contact_values as (

    {{ contact_values(
        held=this,
        profiles=last_built(this.schema, 'int_identity__profiles'),
        touched=ref('int_identity__touched_records'),
        identifiers=ref('int_identity__identifiers')
    ) }}

),

shared_before as (

    {{ values_shared_before(
        held=this,
        profiles=last_built(this.schema, 'int_identity__profiles'),
        identifiers=ref('int_identity__identifiers')
    ) }}

),

-- most values are on a record or two: surnames are counted of the others only
frequent as (

    select kind, contact_value, count(*) as record_count
    from contact_values
    group by kind, contact_value
    having count(*) > {{ var('identity_surnames_per_value') }}

),

counted as (

    select
        frequent.kind,
        frequent.contact_value,
        cast(max(frequent.record_count) as bigint) as record_count,
        cast(count(distinct contact_values.last_name) as bigint) as surname_count
    from contact_values
    inner join frequent
        on
            contact_values.kind = frequent.kind
            and contact_values.contact_value = frequent.contact_value
    group by frequent.kind, frequent.contact_value

),

shared as (

    -- a shop's own phone number, the address of whoever typed the records
    select
        kind,
        contact_value,
        record_count,
        surname_count
    from counted
    where
        surname_count > {{ var('identity_surnames_per_value') }}
        or record_count > {{ var('identity_records_per_customer') }}

)

select
    kind,
    contact_value,
    record_count,
    surname_count,
    true as is_shared
from shared
union all
select
    shared_before.kind,
    shared_before.contact_value,
    cast(null as bigint) as record_count,
    cast(null as bigint) as surname_count,
    false as is_shared
from shared_before
left join shared
    on
        shared_before.kind = shared.kind
        and shared_before.contact_value = shared.contact_value
where shared.kind is null
