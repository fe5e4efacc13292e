{% macro age_in_years(birth_date, day) -%}
    cast(extract(year from {{ day }}) - extract(year from {{ birth_date }}) as integer)
    - case
        when
            extract(month from {{ day }}) * 100 + extract(day from {{ day }})
            < extract(month from {{ birth_date }}) * 100 + extract(day from {{ birth_date }})
            then 1
        else 0
    end
{%- endmacro %}
