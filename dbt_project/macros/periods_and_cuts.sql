{#- What KPIs have in common: the periods a day falls into, the segments a row is counted in. -#}

{% macro period_start(grain, day) -%}
    case {{ grain }}
        when 'day' then {{ day }}
        when 'week' then cast(date_trunc('week', {{ day }}) as date)
        when 'month' then cast(date_trunc('month', {{ day }}) as date)
        when 'quarter' then cast(date_trunc('quarter', {{ day }}) as date)
    end
{%- endmacro %}


{% macro period_end(grain, start) -%}
    case {{ grain }}
        when 'day' then cast({{ start }} + interval '1' day as date)
        when 'week' then cast({{ start }} + interval '7' day as date)
        when 'month' then cast({{ start }} + interval '1' month as date)
        when 'quarter' then cast({{ start }} + interval '3' month as date)
    end
{%- endmacro %}


{% macro period_grains(grains) -%}
    {%- for grain in grains -%}
        select '{{ grain }}' as period_grain
        {%- if not loop.last %} union all {% endif -%}
    {%- endfor -%}
{%- endmacro %}


{% macro periods_of(months, grains) -%}
    select distinct
        grains.period_grain,
        {{ period_start('grains.period_grain', 'months.period_start') }} as period_start,
        {{ period_end(
            'grains.period_grain', period_start('grains.period_grain', 'months.period_start')
        ) }} as period_end
    from {{ months }} as months
    cross join ({{ period_grains(grains) }}) as grains
{%- endmacro %}


{% macro main_category_of_orders(orders) -%}
    {#- the category that most of an order's money went to -#}
    select
        lines.order_id,
        products.category
    from {{ ref('stg_shop__order_lines') }} as lines
    inner join {{ ref('stg_catalogue__products') }} as products
        on lines.product_id = products.product_id
    where
        products.category is not null
        and lines.order_id in (select {{ orders }}.order_id from {{ orders }})
    group by lines.order_id, products.category
    qualify
        row_number() over (
            partition by lines.order_id
            order by sum(lines.sales_amount) desc nulls last, products.category asc
        ) = 1
{%- endmacro %}


{% macro cuts_by(relation, columns) -%}
    select
        'all' as segment_type,
        'all' as segment,
        {{ relation }}.*
    from {{ relation }}
    {%- for column in columns %}
    union all
    select
        '{{ column }}' as segment_type,
        {{ column }} as segment,
        {{ relation }}.*
    from {{ relation }}
    where {{ column }} is not null
    {%- endfor %}
{%- endmacro %}


{% macro segment_without_small_cells(people, partition, personal) -%}
    {#- from the smallest cell on: what is too small, and what brings that to the size -#}
    case
        when segment_type not in ({{ quoted_list(personal) }}) then segment
        when
            {{ people }} < {{ var('min_cell_size') }}
            or sum({{ people }}) over (
                partition by {{ partition }}, segment_type order by {{ people }}, segment
                rows between unbounded preceding and 1 preceding
            ) between 1 and {{ var('min_cell_size') - 1 }}
            then 'other'
        else segment
    end
{%- endmacro %}


{% macro is_termination_provisional(basis, period_end) -%}
    {#- who is back within the grace was never lost; who bought last counts as lost that much later -#}
    cast(
        case {{ basis }}
            when 'contract'
                then {{ period_end }} + interval '{{ var("termination_grace_days") }}' day
            else {{ period_end }} + interval '{{ var("inactivity_floor_days") }}' day
        end as date
    )
    > cast({{ as_of() }} + interval '1' day as date)
{%- endmacro %}
