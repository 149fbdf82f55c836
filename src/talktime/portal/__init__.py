"""The customer's pages, written on the server; those whose figures move are live.

Billing, Calls, Spend and Settings, the ways to come in, and what a mail leads to: a folder each.
"""
