"""The Azure tables: one module for each."""
