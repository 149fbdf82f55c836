-- A call as core.call.Call has it, in that order.
CREATE OR REPLACE VIEW call_record AS
SELECT
    account_id, call_id, channel, direction, agent_id, from_number, to_number, stated_started_at,
    metadata::text AS metadata, admitted_at, margin_ppm, lease_ms, last_heard_at, status, billing_status,
    outcome, free_reason, ended_by, revision, initial_hold_nanos, hold_nanos, lines::text AS lines, cost_nanos,
    margin_nanos, charge_nanos, llm_nanos, stt_nanos, tts_nanos, sip_nanos, stated_ended_at,
    stated_duration_ms, end_reason, ended_at, duration_ms, settled_at, entry_seq, promo_charged_nanos,
    paid_charged_nanos, late_at, late_outcome, first_reported_at
FROM call;
GRANT SELECT ON call_record TO talktime_app;
