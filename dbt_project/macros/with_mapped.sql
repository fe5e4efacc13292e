{% macro with_mapped(feed, models, columns) -%}
    {%- if models -%}
        {%- set columns = columns + ['_load_date', '_source_file', '_line_number', '_raw_version'] -%}
        (
            select {{ columns | join(', ') }}
            from {{ feed }}
            {%- for model in models %}
            union all
            select {{ columns | join(', ') }}
            from {{ ref(model) }}
            {%- endfor %}
        )
    {%- else -%}
        {{ feed }}
    {%- endif -%}
{%- endmacro %}
