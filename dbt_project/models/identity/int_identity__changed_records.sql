{{ config(schema='vault') }}
-- depends_on: {{ ref('int_identity__build') }}
{{ changed_records(
    before=last_built('vault', 'int_identity__profiles'),
    identifiers=ref('int_identity__identifiers'),
    shared_values=ref('int_identity__shared_values')
) }}
