"""The outside: mail, payment providers, the receivers of webhooks."""
