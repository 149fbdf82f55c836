"""The customer's pages: Billing and Calls, server-rendered and live."""
