"""The Service Bus: its queues and what is left over in them."""
