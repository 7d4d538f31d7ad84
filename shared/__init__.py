"""Account Sync: keeps customers in Dynamics 365 Operations equal to accounts in Dynamics 365 Sales."""
