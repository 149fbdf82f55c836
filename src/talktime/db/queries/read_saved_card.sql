-- An account's card at a provider, and the page on which one is being saved.
SELECT s.account_id, s.provider, s.customer_id, s.card_id, s.brand, s.last4, s.expires_on, s.setup_id,
    s.setup_checkout_id, s.setup_url
FROM saved_card s WHERE s.account_id = %(account_id)s AND s.provider = %(provider)s
