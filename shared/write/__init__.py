"""Stage 3, write and record: send what differs, once, and remember what is known to stand there."""
