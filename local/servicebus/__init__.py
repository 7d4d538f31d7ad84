"""A Service Bus for this machine: AMQP 1.0 queues for the unmodified Azure SDKs, in memory, local only."""
