{% macro street_match(street) -%}
    {#- short, because two words may share one short form: `st` is street and saint -#}
    {%- set short_forms = {
        'st': 'street|saint|str', 'ave': 'avenue|av|avenida|avda', 'rd': 'road',
        'blvd': 'boulevard|blv|bvd|bd', 'dr': 'drive|doctor', 'ln': 'lane', 'ct': 'court',
        'sq': 'square', 'pl': 'place|platz|plaza|plein', 'ter': 'terrace|terr', 'hwy': 'highway',
        'pkwy': 'parkway', 'cir': 'circle', 'trl': 'trail', 'cl': 'close', 'cres': 'crescent',
        'gdns': 'gardens', 'aly': 'alley', 'mt': 'mount', 'ft': 'fort', 'rte': 'route',
        'all': 'allee', 'imp': 'impasse', 'che': 'chemin|ch', 'r': 'rue|rua', 'c': 'calle',
        'crta': 'carretera|ctra', 'ps': 'paseo', 'vle': 'viale', 'pza': 'piazza|pzza',
        'ul': 'ulica', 'n': 'north', 's': 'south', 'e': 'east', 'w': 'west',
        'ne': 'northeast', 'nw': 'northwest', 'se': 'southeast', 'sw': 'southwest',
    } -%}
    {#- German and Dutch write the word and its kind as one -#}
    {%- set ns = namespace(
        short=regex_replace(
            regex_replace(
                regex_replace(street_words(street), unit_pattern() ~ '| n[or] ', ' '),
                '(strasse|straat) ', 'str '
            ),
            '(platz|plein) ', 'pl '
        )
    ) -%}
    {%- for short, long in short_forms.items() -%}
        {%- set ns.short = regex_replace(ns.short, ' (' ~ long ~ ') ', ' ' ~ short ~ ' ') -%}
    {%- endfor -%}
    {#- a house number in front or behind; house_number_match keeps it -#}
    {%- set unnumbered = regex_replace(
        ns.short, '^( +[0-9]+[a-z]?)+ |( +[0-9]+( *[a-z])?)+ +$', ''
    ) -%}
    nullif(trim({{ regex_replace(unnumbered, ' +', ' ') }}), '')
{%- endmacro %}


{% macro street_words(street) -%}
    {#- two blanks between words, so that neighbours do not share one -#}
    {%- set known = junk_to_null(fold_text(street), 'street') -%}
    {%- set spaced = "'  ' || replace(" ~ regex_replace(known, "['`]", '')
        ~ ", '#', ' unit ') || '  '" -%}
    {{ regex_replace(spaced, '[ !-/:-@^_|{}~]+', '  ') }}
{%- endmacro %}


{% macro unit_pattern() -%}
    {#- `flat 2` but not `flat rock` -#}
    {%- set words = [
        'apt', 'apartment', 'appt', 'app', 'apto', 'dpto', 'unit', 'suite', 'ste', 'flat', 'floor',
        'fl', 'room', 'rm', 'whg', 'wohnung', 'top', 'bte', 'bus', 'piso',
    ] -%}
    {{ ' (?:' ~ words | join('|') ~ ')(?: +n[or])? +([0-9]+[a-z]?|[a-z][0-9]*) ' }}
{%- endmacro %}
