"""Handles faults: retries, circuit breakers, limits, healing and replay."""
