-- in a build of changes only pairs with a dirty record
{{ candidate_pairs(
    profiles=ref('int_identity__profiles'),
    dirty=ref('int_identity__dirty_records'),
    some=last_built(this.schema, 'int_identity__scores') is not none
) }}
