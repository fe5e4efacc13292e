{{ config(schema='vault', materialized='view') }}

{{ listed_records(
    ref('stg_crm__contacts'), 'crm.contacts', 'contact_id', 'created_at',
    has=[
        'first_name', 'last_name', 'email', 'phone', 'birth_date', 'gender', 'street',
        'house_number', 'postcode', 'city', 'region', 'country'
    ]
) }}
union all
{{ listed_records(
    ref('stg_shop__accounts'), 'shop.accounts', 'account_id', 'created_at',
    has=[
        'first_name', 'last_name', 'email', 'phone', 'street', 'house_number', 'postcode', 'city',
        'country'
    ],
    is_guest='is_guest'
) }}
union all
{{ listed_records(
    ref('stg_loyalty__members'), 'loyalty.members', 'member_id', 'joined_at',
    has=[
        'first_name', 'last_name', 'email', 'phone', 'birth_date', 'postcode', 'city', 'country',
        'age_band', 'income_band', 'household_size', 'marital_status', 'home_ownership', 'tier'
    ]
) }}
union all
{{ listed_records(
    ref('stg_newsletter__subscribers'), 'newsletter.subscribers', 'subscriber_id', 'subscribed_at',
    has=['first_name', 'email']
) }}
