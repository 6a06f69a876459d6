"""A month of a made-up AI company, from its catalog to its invoices, over the HTTP API."""
