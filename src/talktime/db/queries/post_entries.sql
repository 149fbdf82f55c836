-- Posts credits and corrections to the ledger.
SELECT verdict, seq, promo_delta_nanos, paid_delta_nanos, promo_after_nanos, paid_after_nanos,
    reserved_after_nanos, occurred_at, recorded_at
FROM post_entries(%(now)b::timestamptz, %(floor)b::bigint, %(account_id)b::text [], %(kind)b::text [],
    %(ref)b::text [], %(promo_delta)b::bigint [], %(paid_delta)b::bigint [], %(occurred_at)b::timestamptz [],
    %(note)b::text [])
