"""`accountsync`, the operator's tool: the currency mapping, questions about accounts, and repairs."""
