"""The chaos run: a mixed stream of changes under faults, kills and outages, then field by field the truth.

Decisions come from a seed: what happens to which account, and which fault comes at which place of the stream.
How the parts interleave is the machine's own affair; the invariants must hold in any case.
"""
