"""The Azure Tables: one module for each."""
