{#-
Tables that hang on nothing but a customer's own facts: who has no news keeps the rows of the last
run. `_version` is the content of the facts that a customer's rows were made from. Plain Parquet has
no delete; there such a table is built whole.
-#}
{% macro kept_by_customer() -%}
    {{ return(adapter.dispatch('kept_by_customer')()) }}
{%- endmacro %}

{% macro default__kept_by_customer() -%}
    incremental
{%- endmacro %}

{% macro spark__kept_by_customer() -%}
    table
{%- endmacro %}


{#- The customers whose facts are not those this table was made from, and those that are gone (with
a null version); all of them when it is built anew. -#}
{% macro changed_customers(versions) -%}
    {%- if is_incremental() -%}
        select
            coalesce({{ versions }}.customer_id, held.customer_id) as customer_id,
            {{ versions }}._version
        from {{ versions }}
        full outer join (select distinct customer_id, _version from {{ this }}) as held
            on {{ versions }}.customer_id = held.customer_id
        where {{ versions }}._version is distinct from held._version
    {%- else -%}
        select
            customer_id,
            _version
        from {{ versions }}
    {%- endif -%}
{%- endmacro %}


{#- The content of a group's rows as one text, in whatever order they come. `also` is what else the
result hangs on. It is compared within one warehouse only, so each engine may number its own way. -#}
{% macro content_of_rows(columns, also=none) -%}
    concat_ws(
        ':',
        cast(count(*) as string),
        cast(sum({{ row_hash(columns) }}) as string)
        {%- if also is not none %},
        '{{ local_md5(also | string) }}'{% endif %}
    )
{%- endmacro %}

{% macro row_hash(columns) -%}
    {{ return(adapter.dispatch('row_hash')(columns)) }}
{%- endmacro %}

{% macro default__row_hash(columns) -%}
    cast(hash({{ columns | join(', ') }}) as decimal(38, 0))
{%- endmacro %}

{% macro spark__row_hash(columns) -%}
    cast(xxhash64({{ columns | join(', ') }}) as decimal(38, 0))
{%- endmacro %}
