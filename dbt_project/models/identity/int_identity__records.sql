with members as (

    select
        member_id,
        birth_date_match,
        age_band,
        postcode,
        country_match,
        email,
        phone,
        joined_at,
        updated_at
    from {{ ref('stg_loyalty__members') }}

),

member_facts as (

    select
        member_id,
        joined_at as seen_at,
        true as is_own_act
    from members
    union all
    select
        member_id,
        sold_at as seen_at,
        true as is_own_act
    from {{ ref('stg_pos__receipts') }}
    union all
    select
        member_id,
        redeemed_at as seen_at,
        true as is_own_act
    from {{ ref('stg_offers__redemptions') }}
    union all
    select
        member_id,
        assigned_at as seen_at,
        false as is_own_act
    from {{ ref('stg_offers__assignments') }}

),

seen as (

    select
        member_id,
        min(seen_at) as first_seen_at,
        max(case when is_own_act then seen_at end) as last_seen_at
    from member_facts
    where member_id is not null and seen_at < {{ as_of_end() }}
    group by member_id

),

listed as (

    select
        member_id,
        true as is_listed
    from members
    union all
    -- a card that the programme did not tell us of is still a person
    select
        member_id,
        false as is_listed
    from seen
    where seen.member_id not in (select members.member_id from members)

),

aged as (

    select
        member_id,
        age_band,
        {{ age_in_years('birth_date_match', as_of()) }} as age_years
    from members

)

select
    -- ids
    'loyalty.members' as source,
    listed.member_id as source_record_id,

    -- properties
    listed.is_listed,
    members.country_match as country,
    {{ postcode_area('members.postcode') }} as postcode_area,
    coalesce(
        aged.age_band,
        case
            when aged.age_years < 19 then '<19'
            when aged.age_years < 25 then '19-24'
            when aged.age_years < 35 then '25-34'
            when aged.age_years < 45 then '35-44'
            when aged.age_years < 55 then '45-54'
            when aged.age_years < 65 then '55-64'
            when aged.age_years >= 65 then '65+'
        end
    ) as age_band,
    members.email is not null as has_email,
    members.phone is not null as has_phone,

    -- timestamps
    coalesce(seen.first_seen_at, members.updated_at) as first_seen_at,
    coalesce(seen.last_seen_at, seen.first_seen_at, members.updated_at) as last_seen_at
from listed
left join members on listed.member_id = members.member_id
left join aged on listed.member_id = aged.member_id
left join seen on listed.member_id = seen.member_id
