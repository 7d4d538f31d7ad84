"""From a queued change to the customer in the ERP: read, resolve, plan, write, record."""
