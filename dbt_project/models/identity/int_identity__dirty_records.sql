{{ records_to_compare(
    changed=ref('int_identity__changed_records'),
    profiles=ref('int_identity__profiles'),
    some=last_built(this.schema, 'int_identity__scores') is not none
) }}
