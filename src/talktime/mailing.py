"""Mail on its way: messages relayed to the queue of jobs, and handed over to a mail server."""
