-- depends_on: {{ ref('int_identity__health') }}
-- depends_on: {{ ref('customer_records') }}
-- depends_on: {{ ref('identity_changes') }}
select fingerprint
from {{ ref('int_identity__build') }}
