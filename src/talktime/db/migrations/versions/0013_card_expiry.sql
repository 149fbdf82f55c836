-- The last day on which a saved card is good; NULL where its provider did not say.
ALTER TABLE saved_card ADD COLUMN expires_on date;
