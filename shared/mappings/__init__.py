"""Edits the mapping table: reads sheets, plans changes, records each change, and can undo it."""
