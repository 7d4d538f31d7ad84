"""The ERPs as the stand knows them: what is set, seeded and compared for each target of the app.

Written by hand and independent of the app's own code: the demonstration and the chaos run hold it against
what the app did.
"""
