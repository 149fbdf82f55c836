-- Writes merged and rated running totals where the revision they were made from still stands.
SELECT item, verdict, available_nanos, held_nanos
FROM report_usage(%(now)b::timestamptz, %(account_id)b::text [], %(call_id)b::text [], %(revision)b::integer [],
    %(lines)b::text [], %(hold)b::bigint [], %(cost)b::bigint [], %(margin)b::bigint [],
    %(charge)b::bigint [], %(llm)b::bigint [], %(stt)b::bigint [], %(tts)b::bigint [], %(sip)b::bigint [])
