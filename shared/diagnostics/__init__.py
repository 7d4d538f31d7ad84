"""Answers operators' questions: what a check would send, why an account did not arrive, how the app is."""
