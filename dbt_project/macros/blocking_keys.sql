{#- The keys of a blocking rule as key_1, key_2, .. -#}
{% macro numbered(keys, name='key') -%}
    {%- for key in keys -%}
        {{ key }} as {{ name }}_{{ loop.index }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro key_names(keys) -%}
    {%- set names = [] -%}
    {%- for key in keys -%}{%- do names.append('key_' ~ loop.index) -%}{%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{#- Nothing agrees with what is not known; an initial is no first name. -#}
{% macro all_known(keys) -%}
    {%- for key in keys -%}
        {{ key }} is not null{{ ' and length(first_name) > 1' if key == 'first_name' }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- The records that a blocking rule can tell of, with its keys. -#}
{% macro keyed(profiles, rule) -%}
    select record_no, {{ numbered(rule['keys']) }}
    from {{ profiles }}
    where {{ all_known(rule['keys']) }}
{%- endmacro %}

{#- More records than this in a block are not compared. -#}
{% macro block_cap(rule) -%}
    {{ rule.cap or var('identity_block_cap') }}
{%- endmacro %}
