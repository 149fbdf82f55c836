"""Settings: what a customer decides about the account, its people, keys and endpoints."""
