-- Some entries of the ledger by their keys.
SELECT e.account_id, e.seq, e.kind, e.ref, e.promo_delta_nanos, e.paid_delta_nanos, e.promo_after_nanos,
    e.paid_after_nanos, e.reserved_after_nanos, e.occurred_at, e.recorded_at, e.note
FROM unnest(%(account_id)b::text [], %(seq)b::bigint []) AS w (account_id, seq)
JOIN entry e ON e.account_id = w.account_id AND e.seq = w.seq
