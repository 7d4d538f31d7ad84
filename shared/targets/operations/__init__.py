"""Dynamics 365 Operations (Finance and Operations) as the target."""
