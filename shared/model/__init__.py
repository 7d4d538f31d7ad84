"""Pure data and pure rules: no I/O, no SDK, no clock."""
