"""Simulators of the Dataverse Web API, of Dynamics 365 finance and operations, and of Business Central.

An HTTP client enters, what the documented service would answer leaves. State is in memory, faults come on
demand through a control endpoint. Nothing here knows the product: the simulators are its independent judge.
"""
