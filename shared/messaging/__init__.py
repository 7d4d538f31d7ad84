"""The Service Bus: its queues, and dead letters and rejected events."""
