-- Keeps a link sent to an address.
INSERT INTO sign_in_link (secret_sha256, address, next_path, created_at, expires_at)
VALUES (%(secret_sha256)s, %(address)s, %(next_path)s, %(now)s, %(expires_at)s)
