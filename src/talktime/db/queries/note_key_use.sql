-- Notes that an API key is in use.
UPDATE api_key SET last_used_at = %(now)s WHERE account_id = %(account_id)s AND key_id = %(key_id)s
