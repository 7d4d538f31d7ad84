"""The outside systems, one module each: only here are the SDKs and the HTTP client imported."""
