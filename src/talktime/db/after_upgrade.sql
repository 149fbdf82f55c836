-- Run after every upgrade, as the schema's owner: makes the outbox's coming days.
SELECT plan_event_days((current_timestamp AT TIME ZONE 'UTC')::date, 3, 2);
