"""A stand-in for the Azure Functions host: runs a Python app folder in Microsoft's own worker library.

The library does what happens in the worker (indexing, binding checks, converters, thread pool); this package
does what the .NET host does around it: HTTP routes and keys, Service Bus pumps, timers, host.json, settings.
`docs/local-stand.md` lists where it is known to differ from the real host.
"""
