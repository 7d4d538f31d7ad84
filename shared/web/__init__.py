"""HTTP for the OData services: addresses, tokens, pages and faults."""
