-- What was available on an account just before each of some times; times before its first entry are absent.
SELECT w.item, e.promo_after_nanos + e.paid_after_nanos - e.reserved_after_nanos AS available_nanos
FROM unnest(%(until)s::timestamptz []) WITH ORDINALITY AS w (until, item)
JOIN entry e ON e.account_id = %(account_id)s AND e.seq = first_entry_since(%(account_id)s, w.until) - 1
