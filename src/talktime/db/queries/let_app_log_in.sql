-- Lets the application log in as itself, so that nothing it runs could take the owner's rights back.
DO $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('talktime.let_app_log_in')); -- two at once would collide
    IF NOT (SELECT rolcanlogin FROM pg_roles WHERE rolname = 'talktime_app') THEN
        ALTER ROLE talktime_app LOGIN;
    END IF;
END $$
