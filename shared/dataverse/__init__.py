"""Everything of Sales: its accounts, what its people ask, and what it posts."""
