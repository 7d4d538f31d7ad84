"""When something goes wrong: decide what happens next, and park with a reason."""
