"""The OData service of Dynamics 365 finance and operations: customers, customer groups and currencies."""
