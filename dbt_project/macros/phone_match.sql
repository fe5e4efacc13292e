{% macro phone_match(phone, country='null') -%}
    {#- without an extension; letters and signs say nothing, but for a plus in front -#}
    {%- set known = regex_replace(
        fold_text(phone, with_letters=false),
        '[ ,;/.-]*(ext[a-z]*|x|#|~|int|poste|toestel|tst|durchwahl|dw)[ .:=]*[0-9]{1,7} *$', ''
    ) -%}
    {%- set typed = regex_replace(junk_to_null(known, 'phone'), '[^0-9+]', '') -%}
    {%- set home = 'coalesce(' ~ country ~ ", '" ~ env_var('INSIGHTS_COUNTRY', 'US') ~ "')" -%}
    {%- set code = rule_part('rule', 'code') -%}
    {%- set shortest = rule_part('rule', 'shortest') -%}
    {%- set longest = rule_part('rule', 'longest') -%}
    {%- set first_digits = rule_part('rule', 'first_digits') -%}
    {%- set exit = rule_part('home_rule', 'exit') -%}

    {%- set abroad -%}
        case
            when left(typed, 1) = '+' then digits
            when {{ begins_with('digits', exit) }} then substr(digits, length({{ exit }}) + 1)
            when left(digits, 2) = '00' then substr(digits, 3)
        end
    {%- endset -%}

    {#- at home the code may stand there without a plus, where nobody leaves out the trunk prefix or
        where the number is too long otherwise -#}
    {%- set after_code -%}
        case
            when abroad is not null then substr(abroad, length({{ code }}) + 1)
            when
                {{ begins_with('digits', code) }}
                and (length(digits) > {{ longest }} or {{ rule_part('rule', 'trunk') }} <> '')
                and length(digits) >= length({{ code }}) + {{ shortest }}
                then substr(digits, length({{ code }}) + 1)
            else digits
        end
    {%- endset -%}

    {#- the prefix that is dialled inside the country; a number may begin with the same digit -#}
    {%- set number -%}
        case
            when
                instr({{ first_digits }}, left(after_code, 1)) > 0
                and length(after_code) <= {{ longest }}
                then after_code
            {%- for trunk in (rule_part('rule', 'trunk'), rule_part('rule', 'other_trunk')) %}
            when {{ begins_with('after_code', trunk) }}
                then substr(after_code, length({{ trunk }}) + 1)
            {%- endfor %}
            else after_code
        end
    {%- endset -%}

    {%- set answer -%}
        case
            when
                length(number) between {{ shortest }} and {{ longest }}
                and instr({{ first_digits }}, left(number, 1)) > 0
                then '+' || {{ code }} || {{ junk_to_null('number', 'phone') }}
        end
    {%- endset -%}

    {%- set rule -%}
        case when abroad is null then home_rule else {{ phone_rule_of_code('abroad') }} end
    {%- endset -%}

    {{ given('home', home, given('home_rule', phone_rule_of_country('home'),
        given('typed', typed,
        given('digits', "replace(typed, '+', '')",
        given('abroad', abroad,
        given('rule', rule,
        given('after_code', after_code,
        given('number', number, answer)))))))) }}
{%- endmacro %}


{% macro begins_with(text, beginning) -%}
    ({{ beginning }} <> '' and left({{ text }}, length({{ beginning }})) = {{ beginning }})
{%- endmacro %}
