{{ config(
    schema='vault',
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{% if is_incremental() %}
        delete from {{ this }}
        where record_no in (select record_no from {{ ref('int_identity__changed_records') }})
    {% endif %}"
) }}

with guarded as (

    {{ records_to_profile(
        ref('int_identity__changed_records'),
        ref('int_identity__identifiers'),
        ref('int_identity__shared_values')
    ) }}

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

)

select
    -- ids
    guarded.record_no,
    guarded.record_key,
    guarded.source,
    guarded.source_record_id,
    guarded.loyalty_id,

    -- who
    guarded.first_name,
    variants.first_name_variants,
    guarded.last_name,
    guarded.birth_date,

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
