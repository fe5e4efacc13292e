{% macro place_match(place) -%}
    {%- set known = junk_to_null(fold_text(place), 'place') -%}
    {#- districts in brackets, delivery offices and numbers are no part of the name -#}
    {%- set words = regex_replace(
        regex_replace("' ' || " ~ known ~ " || ' '", "[(].*[)]|['`]| cedex", ''),
        '[ -@^_|{}~]+', ' '
    ) -%}
    {%- set ns = namespace(short=words) -%}
    {%- for long, short in [('saint', 'st'), ('sainte', 'ste'), ('mount', 'mt'), ('fort', 'ft')] -%}
        {%- set ns.short =
            'replace(' ~ ns.short ~ ", ' " ~ long ~ " ', ' " ~ short ~ " ')"
        -%}
    {%- endfor -%}
    nullif(trim({{ ns.short }}), '')
{%- endmacro %}
