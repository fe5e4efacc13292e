{% macro listed_records(relation, source, key, entered_at, has, is_guest='false') -%}
    {%- set columns = {
        'first_name': 'string', 'last_name': 'string', 'email': 'string', 'phone': 'string',
        'birth_date': 'date', 'gender': 'string', 'street': 'string', 'house_number': 'string',
        'postcode': 'string', 'city': 'string', 'region': 'string', 'country': 'string',
        'age_band': 'string', 'income_band': 'string', 'household_size': 'string',
        'marital_status': 'string', 'home_ownership': 'string', 'tier': 'string'
    } -%}
    {#- what staging does not standardise, because identity does not compare it -#}
    {%- set standardised = {'gender': gender_match('gender'), 'region': place_match('region')} -%}
    {%- for name in [
        'age_band', 'income_band', 'household_size', 'marital_status', 'home_ownership', 'tier'
    ] -%}
        {%- do standardised.update({name: junk_to_null('lower(' ~ name ~ ')', 'name')}) -%}
    {%- endfor -%}
    select
        '{{ source }}' as source,
        {{ key }} as source_record_id,
        {{ is_guest }} as is_guest,
        {{ entered_at }} as entered_at,
        updated_at as changed_at,
        {%- for name, type in columns.items() %}
            {%- if name in has %}
                {%- set match = standardised.get(name, name ~ '_match') %}
        case when {{ match }} is not null then {{ name }} end as {{ name }},
        {{ match }} as {{ name }}_match,
            {%- else %}
        cast(null as {{ type }}) as {{ name }},
        cast(null as {{ type }}) as {{ name }}_match,
            {%- endif %}
        {%- endfor %}
        {%- if 'house_number' in has %}
        coalesce(unit_match, {{ unit_match('house_number') }}) as unit_match,
        {%- else %}
        cast(null as string) as unit_match,
        {%- endif %}
        _load_date,
        _raw_version
    from {{ relation }}
{%- endmacro %}
