-- The customer lets us charge this card no longer.
UPDATE saved_card s SET card_id = NULL, brand = NULL, last4 = NULL, saved_at = NULL, expires_on = NULL
WHERE s.account_id = %(account_id)s AND s.provider = %(provider)s AND s.card_id = %(card_id)s
