-- The page on which a card can be saved.
UPDATE saved_card s SET setup_checkout_id = %(checkout_id)s, setup_url = %(url)s
WHERE s.account_id = %(account_id)s AND s.provider = %(provider)s AND s.setup_id = %(setup_id)s
