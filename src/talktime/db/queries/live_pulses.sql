-- What may have changed on some accounts: their last event and their balances.
SELECT a.account_id, a.event_seq, a.promo_nanos, a.paid_nanos, a.held_nanos, a.refund_reserved_nanos, a.status
FROM account a WHERE a.account_id = any(%(account_id)b::text [])
