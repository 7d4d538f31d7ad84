"""System jobs of the Dataverse organisation that post a change to a Service Bus queue or to a webhook."""
