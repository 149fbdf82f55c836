-- Ends and settles a batch of calls where the revision they were decided from still stands.
SELECT item, verdict, entry_seq, promo_charged_nanos, paid_charged_nanos, promo_after_nanos, paid_after_nanos,
    hold_nanos
FROM settle_calls(%(now)b::timestamptz, %(floor)b::bigint, %(account_id)b::text [], %(call_id)b::text [],
    %(revision)b::integer [], %(billing_status)b::text [], %(outcome)b::text [], %(free_reason)b::text [],
    %(ended_by)b::text [], %(stated_ended_at)b::timestamptz [], %(stated_duration_ms)b::bigint [],
    %(reason)b::text [], %(ended_at)b::timestamptz [], %(duration_ms)b::bigint [], %(lines)b::text [],
    %(cost)b::bigint [], %(margin)b::bigint [], %(charge)b::bigint [], %(llm)b::bigint [], %(stt)b::bigint [],
    %(tts)b::bigint [], %(sip)b::bigint [])
