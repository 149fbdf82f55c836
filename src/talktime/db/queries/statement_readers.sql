-- Accounts with somebody who chose mail about money in, who was told of no statement since a moment, in their order.
SELECT DISTINCT r.account_id
FROM member r
JOIN account a ON a.account_id = r.account_id
WHERE 'money_in' = ANY(r.mail) AND r.account_id > %(after_account)s
    AND NOT EXISTS (
        SELECT 1 FROM message m
        WHERE m.account_id = r.account_id AND m.kind = 'statement_ready'
            AND m.created_at > %(since)s
    )
ORDER BY r.account_id LIMIT %(limit)s
