{{ config(schema='vault') }}

with records as (

    select *
    from {{ ref('int_customers__person_records') }}

),

rules as (

    select
        attribute,
        attribute_group,
        rule,
        is_required
    from {{ ref('golden_rules') }}

),

sources as (

    select source, trust_rank
    from {{ ref('golden_sources') }}

),

offered as (

    {{ attribute_rows('first_name') }}
    union all
    {{ attribute_rows('last_name') }}
    union all
    {{ attribute_rows('email', is_verified='is_email_verified') }}
    union all
    {{ attribute_rows('phone', is_verified='is_phone_verified') }}
    union all
    {{ attribute_rows('birth_date') }}
    union all
    {{ attribute_rows('gender') }}
    union all
    {{ attribute_rows('street') }}
    union all
    {{ attribute_rows('house_number') }}
    union all
    {{ attribute_rows('unit') }}
    union all
    {{ attribute_rows('postcode') }}
    union all
    {{ attribute_rows('city') }}
    union all
    {{ attribute_rows('region') }}
    union all
    {{ attribute_rows('country') }}
    union all
    {{ attribute_rows('age_band') }}
    union all
    {{ attribute_rows('income_band') }}
    union all
    {{ attribute_rows('household_size') }}
    union all
    {{ attribute_rows('marital_status') }}
    union all
    {{ attribute_rows('home_ownership') }}
    union all
    {{ attribute_rows('tier') }}

),

-- an attribute without a rule is nobody's
ruled as (

    select
        offered.*,
        rules.attribute_group,
        rules.rule,
        rules.is_required,
        -- one letter is an initial, and half a name
        rules.is_required
        and (rules.attribute_group <> 'name' or length(offered.match_value) > 1) as is_filled
    from offered
    inner join rules on offered.attribute = rules.attribute

),

supported as (

    -- how many of the customer's records say the same
    select
        *,
        count(*) over (partition by customer_id, attribute, match_value) as support_count
    from ruled

),

offers as (

    -- the attributes of a group stand or fall together: one record offers them all
    select
        customer_id,
        attribute_group,
        source,
        source_record_id,
        max(rule) as rule,
        max(entered_at) as entered_at,
        max(changed_at) as changed_at,
        count_if(is_filled) as filled_count,
        sum(support_count) as support_count,
        sum(length(match_value)) as text_length,
        max(case when is_verified then 1 else 0 end) as verified
    from supported
    group by customer_id, attribute_group, source, source_record_id

),

ranked as (

    select
        offers.customer_id,
        offers.attribute_group,
        offers.source,
        offers.source_record_id,
        row_number() over (
            partition by offers.customer_id, offers.attribute_group
            order by
                -- half an address does not replace a whole one, whatever the rule
                offers.filled_count desc,
                -- the rule
                case when offers.rule = 'verified_first' then offers.verified end desc nulls last,
                case
                    when offers.rule in ('most_frequent', 'verified_first')
                        then offers.support_count
                end desc nulls last,
                case when offers.rule = 'longest' then offers.text_length end desc nulls last,
                case when offers.rule = 'earliest' then offers.entered_at end asc nulls last,
                case
                    when offers.rule = 'most_trusted' then sources.trust_rank
                end asc nulls last,
                -- ties, down to a key
                offers.changed_at desc nulls last,
                sources.trust_rank asc nulls last,
                offers.source asc,
                offers.source_record_id asc
        ) as group_rank
    from offers
    left join sources on offers.source = sources.source

)

select
    -- ids
    supported.customer_id,
    supported.attribute,
    supported.source,
    supported.source_record_id,

    -- properties
    supported.attribute_group,
    supported.rule,
    cast(ranked.group_rank as bigint) as group_rank,
    supported.is_verified,
    cast(supported.support_count as bigint) as support_count,

    -- personal
    supported.value,
    supported.match_value,

    -- timestamps
    supported.entered_at,
    supported.changed_at
from supported
inner join ranked
    on
        supported.customer_id = ranked.customer_id
        and supported.attribute_group = ranked.attribute_group
        and supported.source = ranked.source
        and supported.source_record_id = ranked.source_record_id
