"""Billing: the balance, the month, the charts, the transaction history, top-ups, coupons."""
