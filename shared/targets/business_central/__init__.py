"""Dynamics 365 Business Central (online, API v2.0) as the target."""
