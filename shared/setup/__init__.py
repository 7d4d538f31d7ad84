"""Is everything set up: health now, registration and diagnosis."""
