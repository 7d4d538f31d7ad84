"""Account Sync: keeps customers in the ERP equal to accounts in Dynamics 365 Sales."""
