-- Makes the outbox partitions of the coming days and drops the old ones.
SELECT plan_event_days(%(today)s::date, %(days_ahead)s::integer, %(keep_days)s::integer)
