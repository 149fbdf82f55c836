-- The digest of the migrations and functions this database has.
SELECT digest FROM schema_stamp
