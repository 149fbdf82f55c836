-- The document of one rate card.
SELECT document::text FROM rate_card WHERE version = %(version)s
