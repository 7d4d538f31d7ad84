"""The demonstration: the whole synchronisation once on this machine, checked against expectations by hand.

Nothing in here imports the product. It drives the systems from outside, as the users of Sales do, and reads
the log of the host; what must stand in the ERP is written down in `cases.py`.
"""
