-- Grants the welcome bonus, once per account and address.
SELECT grant_welcome(%(now)s, %(floor)s, %(account_id)s, %(address)s, %(bonus)s)
