-- Something happened on an account that moved no money.
WITH moved AS (
    UPDATE account a SET event_seq = a.event_seq + 1 WHERE a.account_id = %(account_id)s
    RETURNING a.account_id, a.event_seq, a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos AS available_nanos
)
INSERT INTO event (account_id, event_seq, recorded_at, kind, ref, available_nanos)
SELECT m.account_id, m.event_seq, %(now)s, %(kind)s, %(ref)s, m.available_nanos FROM moved m
