-- The role the application works as: it may call the functions and read, but not rewrite the ledger.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'talktime_app') THEN
        CREATE ROLE talktime_app NOLOGIN;
    END IF;
    IF NOT pg_has_role(current_user, 'talktime_app', 'MEMBER') THEN
        EXECUTE format('GRANT talktime_app TO %I', current_user);
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL; -- another process made it just now
END $$;
