-- An account's entries between two numbers, newest first.
SELECT e.account_id, e.seq, e.kind, e.ref, e.promo_delta_nanos, e.paid_delta_nanos, e.promo_after_nanos,
    e.paid_after_nanos, e.reserved_after_nanos, e.occurred_at, e.recorded_at, e.note
FROM entry e
WHERE e.account_id = %(account_id)s AND e.seq >= %(low)s AND e.seq < %(high)s
    AND (%(kind)s::text IS NULL OR e.kind = %(kind)s)
ORDER BY e.seq DESC LIMIT %(limit)s
