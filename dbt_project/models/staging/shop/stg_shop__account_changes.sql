{{ record_changes(
    source('shop', 'accounts'),
    key='account_id',
    street='street',
    house_number='house_number'
) }}
