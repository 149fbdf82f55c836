"""Calls: the live list, filters, receipts and their check, exports."""
