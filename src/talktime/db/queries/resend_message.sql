-- Lets a message be handed over anew.
UPDATE message m SET state = 'deferred', attempts = 0
WHERE m.account_id = %(account_id)s AND m.message_id = %(message_id)s AND m.state IN ('sent', 'dead')
