-- Pages on which nobody can save a card any more are open no longer.
UPDATE saved_card s SET setup_id = NULL, setup_at = NULL, setup_checkout_id = NULL, setup_url = NULL,
    setup_checked_at = NULL
WHERE s.setup_id IS NOT NULL AND s.setup_at < %(begun_before)s
