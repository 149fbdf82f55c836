-- The card that a person chose on a page of the sandbox; the first choice stands.
UPDATE sandbox_setup s SET card_id = coalesce(s.card_id, %(card_id)s)
WHERE s.account_id = %(account_id)s AND s.checkout_id = %(checkout_id)s
