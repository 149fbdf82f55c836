"""Mail: messages put into words, and handed over to a mail server."""
