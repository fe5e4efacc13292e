{#- Identifiers without the addresses and numbers that link nobody, numbered. -#}
{% macro guarded_identifiers(identifiers, shared_values) -%}
    {%- set said = said_columns() -%}
    select
        {{ record_number('record_key') }} as record_no,
        record_key,
        source,
        source_record_id,
        {{ said | join(', ') }}
    from (
        select
            identifiers.record_key,
            identifiers.source,
            identifiers.source_record_id,
            {% for column in said if column not in ('email', 'phone') -%}
            identifiers.{{ column }},
            {% endfor -%}
            case when emails.contact_value is null then identifiers.email end as email,
            case when phones.contact_value is null then identifiers.phone end as phone
        from {{ identifiers }} as identifiers
        left join {{ shared_values }} as emails
            on
                emails.is_shared
                and emails.kind = 'email'
                and identifiers.email = emails.contact_value
        left join {{ shared_values }} as phones
            on
                phones.is_shared
                and phones.kind = 'phone'
                and identifiers.phone = phones.contact_value
    ) as guarded
{%- endmacro %}


{#- What identity knows of a listed record, of the table named. -#}
{% macro identifiers_of(table) -%}
    {%- for column in ['record_key', 'source', 'source_record_id'] + said_columns()
        + ['entered_at', 'changed_at', '_load_date', '_raw_version'] -%}
        {{ table }}.{{ column }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{#- All that a record says. -#}
{% macro said_columns() -%}
    {{ return([
        'loyalty_id', 'first_name', 'last_name', 'email', 'phone', 'birth_date', 'street',
        'house_number', 'unit', 'postcode', 'city', 'country',
    ]) }}
{%- endmacro %}
