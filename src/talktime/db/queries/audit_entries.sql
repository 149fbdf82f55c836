-- Entries in order, each with the entry that its call points at, for the audit.
SELECT p.account_id, p.seq, p.kind, p.ref, p.promo_delta_nanos, p.paid_delta_nanos, p.promo_after_nanos,
    p.paid_after_nanos, p.reserved_after_nanos, p.occurred_at, p.recorded_at, c.entry_seq
FROM (
    SELECT * FROM entry e
    WHERE (e.account_id, e.seq) > (%(after_account)s, %(after_seq)s) AND e.account_id <= %(last_account)s
    ORDER BY e.account_id, e.seq LIMIT %(limit)s
) p
LEFT JOIN call c ON p.kind = 'call' AND c.account_id = p.account_id AND c.call_id = p.ref
ORDER BY p.account_id, p.seq
