-- The last day on which a saved card is good; NULL where its provider did not say.
ALTER TABLE saved_card ADD COLUMN expires_on date;
ALTER TABLE saved_card ADD CONSTRAINT saved_card_expires_with_card CHECK (expires_on IS NULL OR card_id IS NOT NULL);
