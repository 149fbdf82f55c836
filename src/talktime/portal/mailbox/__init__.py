"""The mailbox of a development machine, as pages."""
