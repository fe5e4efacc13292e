{% macro postcode_match(postcode) -%}
    {%- set known = junk_to_null(fold_text(postcode), 'postcode') -%}
    {#- `D-10115`, `LV 1010`, and the number that a spreadsheet made of it -#}
    {%- set bare = regex_replace(known, '^[a-z]{1,2} ?- ?|^(az|lt|lv|md) |[.]0$', '') -%}
    {{ given('code', 'upper(translate(' ~ bare ~ ", ' -.', ''))",
        'case when ' ~ regex_matches('code', '^[0-9]{9}$') ~ ' then left(code, 5) when '
        ~ regex_matches('code', '^[A-Z0-9]{3,10}$') ~ ' and ' ~ regex_matches('code', '[0-9]')
        ~ ' then code end') }}
{%- endmacro %}
