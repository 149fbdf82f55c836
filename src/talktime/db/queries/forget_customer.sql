-- A customer whom the provider has no longer, and the card that went with them.
UPDATE saved_card s SET customer_id = NULL, card_id = NULL, brand = NULL, last4 = NULL, saved_at = NULL,
    expires_on = NULL
WHERE s.account_id = %(account_id)s AND s.provider = %(provider)s AND s.customer_id = %(customer_id)s
