-- Notes that somebody vouched for an account's e-mail address.
UPDATE account SET verified = true WHERE account_id = %(account_id)s AND NOT verified
