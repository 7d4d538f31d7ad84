"""Hand-written fakes of the ports. The contract suites hold them to what the real adapters do."""
