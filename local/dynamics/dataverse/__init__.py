"""The Dataverse Web API: tables, rows, queries and change notifications of one organisation."""
