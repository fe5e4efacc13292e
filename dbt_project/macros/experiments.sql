{% macro two_sided_p(z) -%}
    {#- twice the upper tail of the normal distribution: the Chebyshev fit of erfc in Press et al.,
        Numerical Recipes (6.2), whose relative error stays below 1.2e-7 in the far tail, too -#}
    {%- set x = '(abs(' ~ z ~ ') / sqrt(2e0))' -%}
    {%- set t = '(1 / (1 + ' ~ x ~ ' / 2))' -%}
    {%- set fit = namespace(sum='0.17087277e0') -%}
    {%- for term in [
        '-0.82215223', '1.48851587', '-1.13520398', '0.27886807', '-0.18628806', '0.09678418',
        '0.37409196', '1.00002368', '-1.26551223',
    ] -%}
        {%- set fit.sum = '(' ~ term ~ 'e0 + ' ~ t ~ ' * ' ~ fit.sum ~ ')' -%}
    {%- endfor -%}
    least(1e0, {{ t }} * exp(-{{ x }} * {{ x }} + {{ fit.sum }}))
{%- endmacro %}


{% macro two_sided_t_p(t, df) -%}
    {#- the normal score of a t value (Wallace 1959), off by less than 0.001 from 30 degrees on -#}
    {%- set score = 'sqrt(' ~ df ~ ' * ln(1 + (' ~ t ~ ') * (' ~ t ~ ') / ' ~ df ~ '))' -%}
    {{ two_sided_p('((8 * ' ~ df ~ ' + 1) / (8 * ' ~ df ~ ' + 3) * ' ~ score ~ ')') }}
{%- endmacro %}


{% macro t_quantile_975(df) -%}
    {#- Cornish and Fisher's expansion of the t distribution around the normal 97.5 % quantile -#}
    (
        1.959964e0
        + 2.3722712e0 / {{ df }}
        + 2.8224986e0 / ({{ df }} * {{ df }})
        + 2.5558497e0 / ({{ df }} * {{ df }} * {{ df }})
    )
{%- endmacro %}


{% macro variance_of_sums(total, total_of_squares, n) -%}
    {#- sample variance out of exact sums, which no order of rows can change -#}
    greatest(
        0e0,
        (
            cast({{ total_of_squares }} as double)
            - cast({{ total }} as double) * cast({{ total }} as double) / nullif({{ n }}, 0)
        ) / nullif({{ n }} - 1, 0)
    )
{%- endmacro %}


{% macro planned_treatment_share(campaign_id) -%}
    case {{ campaign_id }}
        {%- for campaign, share in var('offer_treatment_shares').items() %}
        when '{{ campaign }}' then {{ share }}e0
        {%- endfor %}
        when '' then null
        else 0.5e0
    end
{%- endmacro %}
