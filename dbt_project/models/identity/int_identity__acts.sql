{{ config(materialized='view') }}

with member_acts as (

    {{ acts_of(ref('stg_pos__receipts'), 'loyalty.members', 'member_id', 'sold_at') }}
    union all
    {{ acts_of(ref('stg_offers__redemptions'), 'loyalty.members', 'member_id', 'redeemed_at') }}
    union all
    {{ acts_of(ref('stg_survey__responses'), 'loyalty.members', 'member_id', 'answered_at') }}
    union all
    {{ acts_of(ref('stg_contracts__subscriptions'), 'loyalty.members', 'member_id', 'started_on') }}
    union all
    {{ acts_of(ref('stg_consent__events'), 'loyalty.members', 'member_id', 'effective_at') }}
    union all
    -- what we did to them says that they are there, but not that they were
    {{ acts_of(
        ref('stg_offers__assignments'), 'loyalty.members', 'member_id', 'assigned_at', 'false'
    ) }}
    union all
    {{ acts_of(
        ref('stg_survey__invitations'), 'loyalty.members', 'member_id', 'sent_at', 'false'
    ) }}

),

account_acts as (

    {{ acts_of(ref('stg_shop__orders'), 'shop.accounts', 'account_id', 'ordered_at') }}
    union all
    {{ acts_of(
        ref('int_identity__device_accounts'), 'shop.accounts', 'account_id', 'first_event_at'
    ) }}
    union all
    {{ acts_of(
        ref('int_identity__device_accounts'), 'shop.accounts', 'account_id', 'last_event_at'
    ) }}
    union all
    {{ acts_of(ref('stg_offers__redemptions'), 'shop.accounts', 'account_id', 'redeemed_at') }}
    union all
    {{ acts_of(ref('stg_helpdesk__tickets'), 'shop.accounts', 'account_id', 'created_at') }}
    union all
    {{ acts_of(ref('stg_survey__responses'), 'shop.accounts', 'account_id', 'answered_at') }}
    union all
    {{ acts_of(ref('stg_reviews__product_reviews'), 'shop.accounts', 'account_id', 'reviewed_at') }}
    union all
    {{ acts_of(ref('stg_contracts__subscriptions'), 'shop.accounts', 'account_id', 'started_on') }}
    union all
    {{ acts_of(ref('stg_consent__events'), 'shop.accounts', 'account_id', 'effective_at') }}
    union all
    {{ acts_of(
        ref('stg_offers__assignments'), 'shop.accounts', 'account_id', 'assigned_at', 'false'
    ) }}
    union all
    {{ acts_of(
        ref('stg_survey__invitations'), 'shop.accounts', 'account_id', 'sent_at', 'false'
    ) }}

),

subscriber_acts as (

    -- a mail program opens a message by itself, but does not click
    {{ acts_of(
        ref('stg_messaging__events'), 'newsletter.subscribers', 'subscriber_id', 'event_at',
        condition="event_type in ('clicked', 'replied', 'unsubscribed', 'complained')"
    ) }}
    union all
    {{ acts_of(
        ref('stg_newsletter__subscribers'), 'newsletter.subscribers', 'subscriber_id',
        'unsubscribed_at'
    ) }}

),

acts as (

    select * from member_acts
    union all
    select * from account_acts
    union all
    select * from subscriber_acts

)

select
    -- ids
    source,
    source_record_id,

    -- timestamps
    min(first_acted_at) as first_acted_at,
    max(case when is_own_act then last_acted_at end) as last_acted_at
from acts
group by source, source_record_id
