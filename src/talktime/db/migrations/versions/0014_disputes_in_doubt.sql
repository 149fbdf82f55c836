-- Since when what a dispute gave again is in doubt, so that one answer that says nothing of it does not end the asking.
ALTER TABLE dispute ADD COLUMN doubted_at timestamptz;
UPDATE dispute SET doubted_at = due_at WHERE due_at IS NOT NULL AND entry_seq IS NOT NULL;
