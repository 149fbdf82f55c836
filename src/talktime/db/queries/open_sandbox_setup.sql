-- A page of the sandbox on which a card is saved, the same one for the same wish.
INSERT INTO sandbox_setup AS s (account_id, checkout_id, setup_id, success_url, cancel_url, created_at)
VALUES (%(account_id)s, %(checkout_id)s, %(setup_id)s, %(success_url)s, %(cancel_url)s, %(now)s)
ON CONFLICT (account_id, setup_id) DO UPDATE SET setup_id = s.setup_id
RETURNING s.checkout_id
