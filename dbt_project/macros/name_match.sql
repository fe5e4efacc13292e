{% macro name_match(name) -%}
    {%- set titles = [
        'mr', 'mrs', 'ms', 'miss', 'mx', 'sir', 'madam', 'dr', 'doctor', 'prof', 'professor', 'rev',
        'reverend', 'herr', 'frau', 'ing', 'mag', 'dipl', 'monsieur', 'madame', 'mademoiselle',
        'mme', 'mlle', 'sr', 'sra', 'srta', 'senor', 'senora', 'signor', 'signora', 'sig', 'dott',
        'dhr', 'mevr', 'mw', 'pan', 'pani',
    ] -%}
    {%- set degrees = ['phd', 'md', 'mba', 'msc', 'bsc', 'esq', 'dds'] -%}
    {%- set known = junk_to_null(fold_text(name), 'name') -%}
    {#- an apostrophe joins, all else between letters parts -#}
    {%- set words = regex_replace(
        "' ' || " ~ regex_replace(known, "['`]", '') ~ " || ' '", '[ -@^_|{}~]+', ' '
    ) -%}
    {%- set untitled = regex_replace(
        words, '^( (' ~ titles | join('|') ~ '))+ |( (' ~ degrees | join('|') ~ '))+ $', ' '
    ) -%}
    nullif(trim(replace(replace({{ untitled }}, ' o ', ' o'), ' mc ', ' mc')), '')
{%- endmacro %}
