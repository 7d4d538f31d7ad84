"""Simulators of the Dataverse Web API, of finance and operations, Business Central and NAV.

An HTTP client enters, what the documented service would answer leaves. State is in memory, faults come on
demand through a control endpoint. Nothing here knows the product: the simulators are its independent judge.
"""
