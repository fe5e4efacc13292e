{#- Statistics of several marts, in SQL that DuckDB and Spark share. Each is tested against scipy in
    tests/unit/test_statistics.py, with the error that its description in macros.yml states. -#}

{% macro z_95() -%}
    1.959963984540054e0
{%- endmacro %}


{% macro wilson_bound_pct(successes, trials, side) -%}
    {%- set z = 1.959963984540054 -%}
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


{% macro nps_bound(promoters, detractors, answers, side) -%}
    {%- set n = '(' ~ answers ~ ' + 3.0e0)' -%}
    {%- set p = '((' ~ promoters ~ ' + 0.75e0) / ' ~ n ~ ')' -%}
    {%- set d = '((' ~ detractors ~ ' + 0.75e0) / ' ~ n ~ ')' -%}
    {%- set middle = '(' ~ p ~ ' - ' ~ d ~ ')' -%}
    {%- set outer, end, sign = ('greatest', -100, '-') if side == 'low' else ('least', 100, '+') -%}
    case
        when {{ answers }} > 0
            then
                {{ outer }}({{ end }}.0e0, 100 * (
                    {{ middle }}
                    {{ sign }} {{ z_95() }}
                    * sqrt(({{ p }} + {{ d }} - {{ middle }} * {{ middle }}) / {{ n }})
                ))
    end
{%- endmacro %}


{% macro normal_two_sided_p(z) -%}
    {#- Numerical Recipes' erfc: a Chebyshev fit with a fractional error below 1.2e-7 everywhere -#}
    {%- set x = '(abs(' ~ z ~ ') / ' ~ 2 ** 0.5 ~ ')' -%}
    {%- set t = '(1 / (1 + 0.5e0 * ' ~ x ~ '))' -%}
    {%- set horner = namespace(sql='0.17087277e0') -%}
    {%- for c in [-0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418,
                  0.37409196, 1.00002368, -1.26551223] -%}
        {%- set horner.sql = '(' ~ c ~ 'e0 + ' ~ t ~ ' * ' ~ horner.sql ~ ')' -%}
    {%- endfor -%}
    {{ t }} * exp({{ horner.sql }} - {{ x }} * {{ x }})
{%- endmacro %}


{% macro normal_upper_tail(z) -%}
    case
        when {{ z }} >= 0 then 0.5e0 * {{ normal_two_sided_p(z) }}
        else 1 - 0.5e0 * {{ normal_two_sided_p(z) }}
    end
{%- endmacro %}


{% macro t_95(degrees) -%}
    {#- exact where the Cornish-Fisher series is not close yet -#}
    {%- set z = 1.959963984540054 -%}
    case
        when {{ degrees }} < 1 then null
        when {{ degrees }} = 1 then 12.706204736174694
        when {{ degrees }} = 2 then 4.302652729749462
        when {{ degrees }} = 3 then 3.182446305284264
        when {{ degrees }} = 4 then 2.776445105197793
        else
            {{ z }}
            + {{ (z ** 3 + z) / 4 }} / {{ degrees }}
            + {{ (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96 }} / power({{ degrees }}, 2)
            + {{ (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384 }} / power({{ degrees }}, 3)
            + {{ (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160 }}
            / power({{ degrees }}, 4)
    end
{%- endmacro %}


{% macro poisson_upper_tail(events, mean) -%}
    {#- Lugannani and Rice (1980) with Daniels' continuity correction for lattices (1987). Below the
        mean the tail is not asked for: there 1 stands for what is above a half. -#}
    {%- set k = 'cast(' ~ events ~ ' as double)' -%}
    {%- set m = 'cast(' ~ mean ~ ' as double)' -%}
    {%- set w = 'sqrt(2 * (' ~ k ~ ' * ln(' ~ k ~ ' / ' ~ m ~ ') - ' ~ k ~ ' + ' ~ m ~ '))' -%}
    {%- set u = '((1 - ' ~ m ~ ' / ' ~ k ~ ') * sqrt(' ~ k ~ '))' -%}
    case
        when {{ m }} is null or {{ k }} is null then null
        when {{ m }} <= 0 then case when {{ k }} > 0 then 0.0e0 else 1.0e0 end
        when {{ k }} < {{ m }} + 0.001e0 then 1.0e0
        else
            greatest(0.0e0, least(
                1.0e0,
                {{ normal_upper_tail(w) }}
                + exp(-{{ w }} * {{ w }} / 2) / {{ (2 * 3.141592653589793) ** 0.5 }} * (1 / {{ u }} - 1 / {{ w }})
            ))
    end
{%- endmacro %}


{% macro q_value_ratio(p, partition) -%}
    {#- the default frame ends with the last of equals: their greatest rank -#}
    {{ p }} * count({{ p }}) over (partition by {{ partition }})
    / count({{ p }}) over (partition by {{ partition }} order by {{ p }} asc nulls last)
{%- endmacro %}


{% macro q_value(ratio, p, partition) -%}
    case
        when {{ p }} is not null
            then
                least(1.0e0, min({{ ratio }}) over (
                    partition by {{ partition }} order by {{ p }} desc nulls first
                ))
    end
{%- endmacro %}


{% macro running_percentile(value, share, partition, order) -%}
    {{ return(adapter.dispatch('running_percentile')(value, share, partition, order)) }}
{%- endmacro %}

{% macro default__running_percentile(value, share, partition, order) -%}
    quantile_cont({{ value }}, {{ share }}) over (
        partition by {{ partition }} order by {{ order }}
        rows between unbounded preceding and current row
    )
{%- endmacro %}

{% macro spark__running_percentile(value, share, partition, order) -%}
    percentile({{ value }}, {{ share }}) over (
        partition by {{ partition }} order by {{ order }}
        rows between unbounded preceding and current row
    )
{%- endmacro %}
