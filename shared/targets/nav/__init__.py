"""Dynamics NAV 2016 to 2018 as the target, over its OData page web services."""
