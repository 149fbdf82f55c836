-- Endpoints that answer within a second have a share of the room that no other takes from them.
ALTER TABLE webhook_endpoint ADD COLUMN is_quick boolean NOT NULL DEFAULT false;
UPDATE webhook_endpoint SET is_quick = true WHERE last_delivered_at IS NOT NULL AND failing_since IS NULL;
