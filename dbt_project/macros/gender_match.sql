{% macro gender_match(gender) -%}
    {%- set words = {
        'female': 'female|f|w|woman|frau|weiblich|femme|feminin|mujer|femenino|mrs|ms|miss',
        'male': 'male|m|man|mann|herr|maennlich|mannlich|homme|masculin|hombre|masculino|mr',
        'other': 'other|x|d|diverse|divers|nonbinary|non-binary|non binary',
    } -%}
    {#- no `in`: of so long a list an engine makes a join, which it makes for whoever reads the view,
        also when nobody asks for the column -#}
    case
        {%- for gender_name, known in words.items() %}
        when instr('|{{ known }}|', '|' || {{ fold_text(gender) }} || '|') > 0
            then '{{ gender_name }}'
        {%- endfor %}
    end
{%- endmacro %}
