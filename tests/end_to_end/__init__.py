"""The product as a whole, from Sales to Operations, on the local stand or on real services.

Without settings the tests start a stand. With these environment variables they use what is there instead, and
skip what needs the control endpoints of the stand:

- ACCOUNT_SYNC_E2E_DATAVERSE, ACCOUNT_SYNC_E2E_OPERATIONS: addresses of both systems;
- ACCOUNT_SYNC_E2E_FUNCTIONS, ACCOUNT_SYNC_E2E_FUNCTION_KEY: the app, and the key of its functions;
- ACCOUNT_SYNC_E2E_TABLES: connection string of the tables, or the address of the table service;
- ACCOUNT_SYNC_E2E_TOKEN: a bearer token of both systems (not given: the developer's own sign-in);
- ACCOUNT_SYNC_E2E_COMPANY, ACCOUNT_SYNC_E2E_GROUP: legal entity (usmf) and customer group (10) of the app;
- ACCOUNT_SYNC_E2E_UNMAPPED: a currency of Sales that has no mapping (not given: not tried);
- ACCOUNT_SYNC_E2E_SETTLE_SECONDS: the app's SETTLE_SECONDS (5).

There, US Dollar and Euro must be mapped to USD and EUR, and the app must be registered for the events.
"""
