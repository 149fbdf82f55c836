-- Some entries of an account by their kinds and references.
SELECT e.account_id, e.seq, e.kind, e.ref, e.promo_delta_nanos, e.paid_delta_nanos, e.promo_after_nanos,
    e.paid_after_nanos, e.reserved_after_nanos, e.occurred_at, e.recorded_at, e.note
FROM unnest(%(kinds)s::text [], %(refs)s::text []) AS w (kind, ref)
JOIN entry e ON e.account_id = %(account_id)s AND e.kind = w.kind AND e.ref = w.ref
