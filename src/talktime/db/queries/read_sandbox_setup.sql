-- A page of the sandbox on which a card is saved.
SELECT s.account_id, s.checkout_id, s.setup_id, s.success_url, s.cancel_url, s.card_id
FROM sandbox_setup s WHERE s.account_id = %(account_id)s AND s.checkout_id = %(checkout_id)s
