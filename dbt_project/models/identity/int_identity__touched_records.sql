{{ config(schema='vault') }}
-- depends_on: {{ ref('int_identity__build') }}
{{ touched_records(
    held=last_built('identity', 'int_identity__records'),
    identifiers=ref('int_identity__identifiers'),
    acts=ref('int_identity__acts')
) }}
