{{ record_changes(
    source('loyalty', 'members'),
    key='member_id',
    marital_status='marital_status'
) }}
