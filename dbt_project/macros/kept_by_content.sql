{#-
Tables that hang on nothing but the facts of a unit, as a customer, or a customer's path in a
category: a unit without news keeps the rows of the last run. `_version` is a number of the unit and
of all that its rows were made from. A number that no row bears is news; rows whose number is nobody's
any more go. Plain Parquet has no delete; there such a table is built whole.
-#}
{% macro kept_by_content() -%}
    {{ return(adapter.dispatch('kept_by_content')()) }}
{%- endmacro %}

{% macro default__kept_by_content() -%}
    incremental
{%- endmacro %}

{% macro spark__kept_by_content() -%}
    table
{%- endmacro %}


{#- The units of `versions` whose rows this table does not hold, and the numbers of rows that it is
to lose (without a unit); all units when it is built anew. -#}
{% macro changed_units(versions, unit=['customer_id']) -%}
    select distinct
        {% for column in unit %}versions.{{ column }}, {% endfor %}versions._version
    from {{ versions }} as versions
    {%- if is_incremental() %}
        anti join {{ this }} as held on versions._version = held._version
        union all
        select distinct
            {% for column in unit %}null as {{ column }}, {% endfor %}held._version
        from {{ this }} as held
        anti join {{ versions }} as versions on held._version = versions._version
    {%- endif -%}
{%- endmacro %}


{#- The number of a unit and of its rows, in whatever order they come. `also` is what else the
result hangs on, as variables; the model's own SQL is a part of it. It is compared within one
warehouse only, so each engine may number its own way. -#}
{% macro version_of_rows(unit, columns, also=none) -%}
    {{ row_hash(
        unit + [
            'count(*)',
            'sum(cast(' ~ row_hash(columns) ~ ' as decimal(38, 0)))',
            "'" ~ local_md5(model.raw_code ~ also) ~ "'",
        ]
    ) }}
{%- endmacro %}

{#- The same of rows that bear the number of what they were made from. -#}
{% macro version_of_version(columns, also=none) -%}
    {{ row_hash(columns + ["'" ~ local_md5(model.raw_code ~ also) ~ "'"]) }}
{%- endmacro %}

{#- Each customer's number of these kinds of facts, of int_traits__customer_contents. -#}
{% macro versions_of_customers(contents, kinds, also=none) -%}
    select
        customer_id,
        {{ version_of_rows(['customer_id'], ['kind', 'content'], also) }} as _version
    from {{ contents }}
    where kind in ({{ quoted_list(kinds) }})
    group by customer_id
{%- endmacro %}

{% macro row_hash(columns) -%}
    {{ return(adapter.dispatch('row_hash')(columns)) }}
{%- endmacro %}

{% macro default__row_hash(columns) -%}
    cast(hash({{ columns | join(', ') }}) >> 1 as bigint)
{%- endmacro %}

{% macro spark__row_hash(columns) -%}
    xxhash64({{ columns | join(', ') }})
{%- endmacro %}
