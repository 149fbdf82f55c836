-- A card is to be saved; a page opened for it before is forgotten.
INSERT INTO saved_card AS s (account_id, provider, setup_id, setup_at)
SELECT a.account_id, %(provider)s, %(setup_id)s, %(now)s FROM account a WHERE a.account_id = %(account_id)s
ON CONFLICT (account_id, provider) DO UPDATE SET setup_id = excluded.setup_id, setup_at = excluded.setup_at,
    setup_checkout_id = NULL, setup_url = NULL, setup_checked_at = NULL
WHERE s.setup_id IS DISTINCT FROM excluded.setup_id
