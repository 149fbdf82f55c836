-- An account's balances just before each of some entries by number; before its first entry they are nothing.
SELECT coalesce(e.promo_after_nanos, 0) AS promo_nanos, coalesce(e.paid_after_nanos, 0) AS paid_nanos
FROM unnest(%(seq)b::bigint []) WITH ORDINALITY AS w (seq, item)
LEFT JOIN entry e ON e.account_id = %(account_id)s AND e.seq = w.seq - 1
ORDER BY w.item
