-- What an account's calls were charged on each of some calendar days of a zone; days without any are absent.
SELECT timezone(%(zone)s, u.bucket_start)::date AS day, sum(u.calls)::bigint AS calls,
    sum(u.llm_nanos)::bigint AS llm_nanos, sum(u.stt_nanos)::bigint AS stt_nanos,
    sum(u.tts_nanos)::bigint AS tts_nanos, sum(u.sip_nanos)::bigint AS sip_nanos,
    sum(u.margin_nanos)::bigint AS margin_nanos, sum(u.charge_nanos)::bigint AS charge_nanos
FROM usage_rollup u
WHERE u.account_id = %(account_id)s
    AND u.bucket_start >= %(since)s::timestamptz AND u.bucket_start < %(until)s::timestamptz
GROUP BY 1 ORDER BY 1
