-- Calls in order, each with the entry it points at, for the audit.
SELECT p.*, e.seq, e.kind, e.ref, e.promo_delta_nanos, e.paid_delta_nanos
FROM (
    SELECT * FROM call_record c
    WHERE (c.account_id, c.call_id) > (%(after_account)s, %(after_call)s) AND c.account_id <= %(last_account)s
    ORDER BY c.account_id, c.call_id LIMIT %(limit)s
) p
LEFT JOIN entry e ON e.account_id = p.account_id AND e.seq = p.entry_seq
ORDER BY p.account_id, p.call_id
