"""The API v2.0 of Dynamics 365 Business Central: companies, customers, currencies and the ledger's set-up."""
