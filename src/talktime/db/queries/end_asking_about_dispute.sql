-- The provider has told all that there is to know of a dispute, or was asked long enough about what is in doubt: it is
-- not asked about any more. Whether a doubt remains.
UPDATE dispute d SET due_at = NULL
WHERE d.account_id = %(account_id)s AND d.dispute_id = %(dispute_id)s AND d.withdrawn_nanos IS NOT NULL
    AND (d.doubted_at IS NULL OR d.doubted_at <= %(doubted_before)s)
RETURNING d.doubted_at IS NOT NULL
