"""The JSON API (/v1): parse, call ops, render. The only part that knows HTTP status codes."""
