{{ config(schema='vault') }}
{{ changed_records(
    before=last_built('vault', 'int_identity__profiles'),
    touched=ref('int_identity__touched_records'),
    identifiers=ref('int_identity__identifiers'),
    shared_values=ref('int_identity__shared_values')
) }}
