-- The application works the queue; it does not own it.
GRANT USAGE ON SCHEMA jobs TO talktime_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs TO talktime_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA jobs TO talktime_app;
RESET search_path;
