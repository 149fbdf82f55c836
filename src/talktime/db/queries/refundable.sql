-- How much of an account's paid balance can go back to the cards it came from.
SELECT refundable(%(account_id)s, %(provider)s)
