"""Stage 2, read and resolve: is a look needed, what shall stand in Operations."""
