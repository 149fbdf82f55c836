-- The provider has told all that there is to know of a dispute: it is not asked about any more.
UPDATE dispute d SET due_at = NULL
WHERE d.account_id = %(account_id)s AND d.dispute_id = %(dispute_id)s AND d.withdrawn_nanos IS NOT NULL
