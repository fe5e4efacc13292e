{% macro house_number_match(house_number, street='null') -%}
    {#- `12-14` and `12/3` are at number 12; a street line may begin or end with the number -#}
    {%- set words = regex_replace(street_words(street), unit_pattern(), ' ') -%}
    {%- set of_line -%}
        coalesce(
            nullif(regexp_extract(line_words, '^ +([0-9]+[a-z]?) ', 1), ''),
            regexp_extract(line_words, ' ([0-9]+( *[a-z])?)( +[0-9]+[a-z]?)* +$', 1)
        )
    {%- endset -%}
    {%- set own = 'regexp_extract(' ~ street_words(house_number)
        ~ ", '^[a-z ]* ([0-9]+ *[a-z]?) ', 1)" -%}
    nullif(replace(
        coalesce(nullif({{ own }}, ''), {{ given('line_words', words, of_line) }}), ' ', ''
    ), '')
{%- endmacro %}
