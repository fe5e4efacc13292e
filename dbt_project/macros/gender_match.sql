{% macro gender_match(gender) -%}
    {%- set words = {
        'female': 'female|f|w|woman|frau|weiblich|femme|feminin|mujer|femenino|mrs|ms|miss',
        'male': 'male|m|man|mann|herr|maennlich|mannlich|homme|masculin|hombre|masculino|mr',
        'other': 'other|x|d|diverse|divers|nonbinary|non-binary|non binary',
    } -%}
    case
        {%- for gender_name, known in words.items() %}
        when {{ fold_text(gender) }} in ('{{ known.split('|') | join("', '") }}')
            then '{{ gender_name }}'
        {%- endfor %}
    end
{%- endmacro %}
