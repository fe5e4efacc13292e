{% macro record_changes(feed, key, street=none, house_number=none, marital_status=none) -%}
    with delivered as (

        -- the version of each moment, as last delivered; most records have one only and end here
        select arrived.*
        from {{ feed }} as arrived
        where arrived._load_date <= {{ as_of() }}
        qualify
            row_number() over (
                partition by arrived.{{ key }}, arrived.updated_at
                order by arrived._load_date desc nulls last, {{ whole_row('arrived') }} desc
            ) = 1
            and min(arrived.updated_at) over (partition by arrived.{{ key }})
            < max(arrived.updated_at) over (partition by arrived.{{ key }})

    ),

    versions as (

        select
            {{ key }},
            updated_at as changed_at,
            {{ name_match('first_name') }} as first_name,
            {{ name_match('last_name') }} as last_name,
            {{ email_match('email') }} as email,
            {{ street_match(street) if street else 'cast(null as string)' }} as street,
            {% if house_number -%}
            {{ house_number_match(house_number, street) }} as house_number,
            {% else -%}
            cast(null as string) as house_number,
            {% endif -%}
            {{ postcode_match('postcode') }} as postcode,
            {{ clean_text(marital_status) if marital_status else 'cast(null as string)' }}
                as marital_status
        from delivered

    ),

    {%- set fields = [
        'first_name', 'last_name', 'email', 'street', 'house_number', 'postcode', 'marital_status',
    ] %}

    compared as (

        select
            {{ key }},
            changed_at,
            {%- for field in fields %}
            {{ field }},
            lag({{ field }}) over (partition by {{ key }} order by changed_at)
                as {{ field }}_before{{ ',' if not loop.last }}
            {%- endfor %}
        from versions

    ),

    judged as (

        -- the same street or name written otherwise is a correction, no change of life
        select
            {{ key }},
            changed_at,
            coalesce(
                postcode <> postcode_before
                {%- if street %}
                and jaro_winkler_similarity(street, street_before) < 0.85e0
                {%- endif %},
                false
            )
            or coalesce(
                house_number <> house_number_before
                and jaro_winkler_similarity(street, street_before) < 0.85e0, false
            ) as is_new_address,
            coalesce(
                jaro_winkler_similarity(last_name, last_name_before) < 0.8e0
                and first_name = first_name_before
                and last_name <> first_name_before,
                false
            ) as is_new_last_name,
            coalesce(
                split_part(email, '@', 2) <> split_part(email_before, '@', 2)
                and {{ regex_matches(
                    "split_part(email, '@', 2)", '^(' ~ var('workplace_email_domains') ~ ')$'
                ) }},
                false
            ) as is_new_workplace,
            coalesce(
                lower(marital_status) = 'married' and lower(marital_status_before) <> 'married',
                false
            ) as is_newly_married
        from compared

    )

    select
        -- ids
        {{ key }},

        -- properties
        is_new_address,
        is_new_last_name,
        is_new_workplace,
        is_newly_married,

        -- timestamps
        changed_at
    from judged
    where is_new_address or is_new_last_name or is_new_workplace or is_newly_married
{%- endmacro %}
