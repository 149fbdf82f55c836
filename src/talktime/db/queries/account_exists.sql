-- Whether there is such an account.
SELECT 1 FROM account WHERE account_id = %(account_id)s
