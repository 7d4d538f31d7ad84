"""Stage 1, event -> queue: understand what came, decide whether it matters, queue it."""
