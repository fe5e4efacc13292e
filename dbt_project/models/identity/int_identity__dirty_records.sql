{{ records_to_compare(
    changed=ref('int_identity__changed_records'),
    profiles=ref('int_identity__profiles'),
    profiles_before=ref('int_identity__profiles_before')
) }}
