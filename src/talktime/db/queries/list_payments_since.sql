-- One provider's payments that were begun since a moment, or are open, or of which a refund or dispute was first
-- heard of since then, of one account or, with none named, of all, by account and id above a place.
SELECT p.account_id, p.payment_id, p.provider, p.status, p.amount_nanos, p.checkout_id, p.checkout_url, p.intent_id,
    p.failure, p.created_at, p.expires_at, p.settled_at, p.entry_seq, p.origin, p.needs_customer, p.return_url
FROM payment p
WHERE p.provider = %(provider)s
    AND (%(account_id)s::text IS NULL OR p.account_id = %(account_id)s)
    AND (
        p.created_at >= %(since)s OR p.status IN ('opening', 'waiting')
        OR EXISTS (
            SELECT FROM refund_part r
            WHERE r.account_id = p.account_id AND r.payment_id = p.payment_id AND r.created_at >= %(since)s
        )
        OR EXISTS (
            SELECT FROM dispute d
            WHERE d.account_id = p.account_id AND d.payment_id = p.payment_id AND d.heard_at >= %(since)s
        )
    )
    AND (p.account_id, p.payment_id) > (%(after_account)s::text COLLATE "C", %(after_id)s::text COLLATE "C")
ORDER BY p.account_id, p.payment_id LIMIT %(limit)s
