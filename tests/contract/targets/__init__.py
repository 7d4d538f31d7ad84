"""What the contract of a target needs to know of each ERP: one module for each."""
