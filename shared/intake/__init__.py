"""Stage 1, event -> queue: read the event, decide whether it matters, queue a change."""
