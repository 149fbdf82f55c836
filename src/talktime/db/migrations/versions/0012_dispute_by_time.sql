-- Disputes of all accounts are listed page by page, the one heard of last first.
CREATE INDEX dispute_by_time ON dispute (heard_at DESC, account_id DESC, dispute_id DESC);
