{{ config(schema='vault') }}
-- depends_on: {{ ref('int_identity__build') }}
{{ changed_records(
    before=last_built('vault', 'int_identity__profiles'), now=ref('int_identity__guarded')
) }}
