{% macro email_match(email) -%}
    {#- `Name <address>`, `mailto:address` and the full stop that ended a sentence -#}
    {%- set bare = regex_replace(
        fold_text(email, with_letters=false), '^.*<|>.*$|^mailto:|[ .,;]+$', ''
    ) -%}
    {%- set is_address =
        '^[^@ ,;:<>()]+@([^@ .,;:<>()]+[.])+([^ -@]{2,}|xn--[a-z0-9-]+)$'
    -%}
    {%- set address = junk_to_null('address', 'email') -%}
    {{ given('address', bare, 'case when ' ~ regex_matches('address', is_address)
        ~ ' and length(address) <= 254 then '
        ~ (without_email_tags(address) if var('fold_email_tags') else address) ~ ' end') }}
{%- endmacro %}


{% macro without_email_tags(address) -%}
    {#- what these providers ignore in an address; others may not -#}
    {%- set providers =
        '@(outlook|hotmail|live|icloud|me|mac|fastmail|proton|protonmail|pm)[.].*$'
    -%}
    {%- set mailbox = "replace(split_part(split_part(known, '@', 1), '+', 1), '.', '')" -%}
    {%- set untagged =
        "split_part(split_part(known, '@', 1), '+', 1) || '@' || split_part(known, '@', 2)"
    -%}
    {{ given('known', address, 'case when ' ~ regex_matches('known', '@(gmail|googlemail)[.]com$')
        ~ ' then ' ~ mailbox ~ " || '@gmail.com' when " ~ regex_matches('known', providers)
        ~ ' then ' ~ untagged ~ ' else known end') }}
{%- endmacro %}
