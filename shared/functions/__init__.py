"""The functions: thin, and the only place where azure.functions is imported."""
