{% macro country_match(country) -%}
    {#- `U.S.A.`, `Bosnia & Herzegovina`, `The Netherlands` -#}
    {%- set words = regex_replace(
        "replace(replace(replace(" ~ fold_text(country) ~ ", '.', ''), '''', ''), '&', ' and ')",
        '[ -@^_|{}~]+', ' '
    ) -%}
    {{ given('country_name', regex_replace('trim(' ~ words ~ ')', '^the ', ''),
        iso_country_of('country_name')) }}
{%- endmacro %}


{% macro iso_country_of(name) -%}
    {#- most people live in the tenant's own country: it is asked for first -#}
    {%- set names, home = country_names(), env_var('INSIGHTS_COUNTRY', 'US') -%}
    case
        {%- for code, known in names.items() | selectattr(0, 'eq', home) | list
            + names.items() | rejectattr(0, 'eq', home) | list %}
            {%- set forms = [code | lower] + known.split(', ') %}
        when {{ name }} in ('{{ forms | join("', '") }}') then '{{ code }}'
        {%- endfor %}
    end
{%- endmacro %}
