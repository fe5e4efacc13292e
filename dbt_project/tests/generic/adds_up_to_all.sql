{% test adds_up_to_all(model, counts, keys=['period_grain', 'period_start'], except_types=[]) %}
    {%- set cell = keys | join(', ') -%}
    {%- set sums, differences = [], [] -%}
    {%- for count in counts -%}
        {%- set whole = 'max(case when segment_type = \'all\' then ' ~ count ~ ' end)' -%}
        {%- do sums.append('sum(' ~ count ~ ') as ' ~ count) -%}
        {%- do differences.append(
            count ~ ' is distinct from ' ~ whole ~ ' over (partition by ' ~ cell ~ ')'
        ) -%}
    {%- endfor %}
    -- whatever the rows are cut by, nobody is counted twice or left out
    with cuts as (

        select
            segment_type,
            {{ cell }},
            {{ sums | join(', ') }}
        from {{ model }}
        where segment_type not in ({{ quoted_list(except_types or ['']) }})
        group by segment_type, {{ cell }}

    )

    select
        segment_type,
        {{ cell }}
    from cuts
    qualify {{ differences | join(' or ') }}
{% endtest %}
