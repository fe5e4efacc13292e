{{ record_changes(
    source('crm', 'contacts'),
    key='contact_id',
    street='street',
    house_number='house_number'
) }}
