"""A simulator of the OData web services of NAV 2018: pages 21 (Customer Card) and 5 (Currencies)."""
