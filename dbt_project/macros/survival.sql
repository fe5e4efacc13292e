{#- Kaplan and Meier's quantile: the first time at which no more than 1 - share still wait. Needs the
    columns of `survival_steps`. Null when so few have come to an end that it is not known. -#}

{% macro survival_log_step(ended, at_risk) -%}
    {#- a decimal, so that the running sum is exact; nobody is left after the last: ln(0) -#}
    cast(
        case
            when {{ ended }} = {{ at_risk }} then -100
            else ln(1 - {{ ended }} / cast({{ at_risk }} as double))
        end as decimal(38, 15)
    )
{%- endmacro %}


{% macro survival_quantile(time, log_survival, share) -%}
    {#- a hair of tolerance: half of four is half, whatever the logarithms say -#}
    min(case when {{ log_survival }} <= ln(1 - {{ share }}) + 0.000000001 then {{ time }} end)
{%- endmacro %}
