"""Questions of the operator: what a sync would send, why an account did not arrive, how all stands."""
