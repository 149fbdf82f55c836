-- Take an account's lock; what is read of it afterwards stands until the transaction ends.
SELECT a.account_id FROM account a WHERE a.account_id = %(account_id)s FOR NO KEY UPDATE
