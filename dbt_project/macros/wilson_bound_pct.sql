{% macro wilson_bound_pct(successes, trials, side) -%}
    {%- set z = 1.959964 -%}
    {%- set n = 'cast(nullif(' ~ trials ~ ', 0) as double)' -%}
    {%- set p = '(cast(' ~ successes ~ ' as double) / ' ~ n ~ ')' -%}
    {%- set middle = p ~ ' + ' ~ (z * z / 2) ~ ' / ' ~ n -%}
    {%- set variance = p ~ ' * (1 - ' ~ p ~ ') / ' ~ n ~ ' + ' ~ (z * z / 4) ~ ' / (' ~ n ~ ' * ' ~ n ~ ')' -%}
    {%- set sign, outer = ('-', 'least') if side == 'low' else ('+', 'greatest') -%}
    {#- at 0 and 1 rounding must not put the bound inside the share -#}
    100 * {{ outer }}(
        {{ p }},
        ({{ middle }} {{ sign }} {{ z }} * sqrt({{ variance }})) / (1 + {{ z * z }} / {{ n }})
    )
{%- endmacro %}
