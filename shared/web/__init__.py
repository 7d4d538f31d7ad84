"""HTTP to the OData services: addresses, tokens, pages, and the faults of all."""
