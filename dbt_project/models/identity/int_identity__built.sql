-- depends_on: {{ ref('int_identity__clusters') }}
select fingerprint
from {{ ref('int_identity__build') }}
