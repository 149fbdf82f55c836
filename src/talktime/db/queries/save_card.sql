-- A card was saved on the page that was opened for it, and takes the place of the one before.
UPDATE saved_card s SET card_id = %(card_id)s, brand = %(brand)s, last4 = %(last4)s, saved_at = %(now)s,
    expires_on = %(expires_on)s,
    setup_id = NULL, setup_at = NULL, setup_checkout_id = NULL, setup_url = NULL, setup_checked_at = NULL
WHERE s.account_id = %(account_id)s AND s.provider = %(provider)s AND s.setup_id = %(setup_id)s
RETURNING s.account_id
