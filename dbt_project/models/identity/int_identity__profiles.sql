{{ config(schema='vault') }}

with identifiers as (

    select
        record_key,
        source,
        source_record_id,
        loyalty_id,
        first_name,
        last_name,
        email,
        phone,
        birth_date,
        street,
        house_number,
        unit,
        postcode,
        city,
        country
    from {{ ref('int_identity__identifiers') }}

),

shared_values as (

    select kind, contact_value
    from {{ ref('int_identity__shared_values') }}

),

nicknames as (

    select name, nickname
    from {{ ref('nicknames') }}
    union
    select nickname as name, name as nickname
    from {{ ref('nicknames') }}

),

variants as (

    select name, '|' || {{ joined('nickname', '|') }} || '|' as first_name_variants
    from nicknames
    group by name

),

frequencies as (

    select term_column, term, share
    from {{ ref('identity_term_frequencies') }}

),

guarded as (

    select
        identifiers.record_key,
        identifiers.source,
        identifiers.source_record_id,
        identifiers.loyalty_id,
        identifiers.first_name,
        identifiers.last_name,
        identifiers.birth_date,
        identifiers.street,
        identifiers.house_number,
        identifiers.unit,
        identifiers.postcode,
        identifiers.city,
        identifiers.country,
        case when emails.contact_value is null then identifiers.email end as email,
        case when phones.contact_value is null then identifiers.phone end as phone
    from identifiers
    left join shared_values as emails
        on emails.kind = 'email' and identifiers.email = emails.contact_value
    left join shared_values as phones
        on phones.kind = 'phone' and identifiers.phone = phones.contact_value

)

select
    -- ids
    {{ record_number('guarded.record_key') }} as record_no,
    guarded.record_key,
    guarded.source,
    guarded.source_record_id,
    guarded.loyalty_id,

    -- who
    guarded.first_name,
    variants.first_name_variants,
    guarded.last_name,
    guarded.birth_date,
    replace(cast(guarded.birth_date as string), '-', '') as birth_digits,

    -- how to reach
    guarded.email,
    split_part(guarded.email, '@', 2) as email_domain,
    {{ regex_replace("split_part(guarded.email, '@', 1)", '[^a-z]', '') }} as mailbox_letters,
    {{ regex_replace("split_part(guarded.email, '@', 1)", '[^0-9]', '') }} as mailbox_digits,
    guarded.phone,

    -- where
    guarded.street,
    guarded.house_number,
    guarded.unit,
    guarded.postcode,
    guarded.city,
    guarded.country,

    -- how common, where known
    first_names.share as first_name_share,
    last_names.share as last_name_share,
    postcodes.share as postcode_share,
    cities.share as city_share
from guarded
left join variants on guarded.first_name = variants.name
left join frequencies as first_names
    on first_names.term_column = 'first_name' and guarded.first_name = first_names.term
left join frequencies as last_names
    on last_names.term_column = 'last_name' and guarded.last_name = last_names.term
left join frequencies as postcodes
    on postcodes.term_column = 'postcode' and guarded.postcode = postcodes.term
left join frequencies as cities
    on cities.term_column = 'city' and guarded.city = cities.term
