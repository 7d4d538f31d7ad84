"""Dynamics 365 Sales (Dataverse): reads accounts, answers searches, and registers the events."""
