-- Who chose the weekly summary and was written none since a moment, in account order, after a given one.
SELECT r.account_id, r.address
FROM member r
WHERE 'weekly' = ANY(r.mail) AND (r.account_id, r.address) > (%(after_account)s, %(after_address)s)
    AND NOT EXISTS (
        SELECT 1 FROM message m
        WHERE m.account_id = r.account_id AND m.kind = 'weekly_summary' AND m.recipient = r.address
            AND m.created_at > %(since)s -- noqa: RF02
    )
ORDER BY r.account_id, r.address LIMIT %(limit)s
