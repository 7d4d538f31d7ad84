"""The operator's page. Each page asks the use cases that `accountsync` asks; no rule stands here twice."""
