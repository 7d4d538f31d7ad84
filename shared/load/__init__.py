"""Checks of many accounts that no event asked for: first load, catch-up, reconcile."""
