-- One endpoint of the platform at a time, which has no account to lock.
SELECT pg_advisory_xact_lock(hashtext('talktime.webhook_endpoint'))
