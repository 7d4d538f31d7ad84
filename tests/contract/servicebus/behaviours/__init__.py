"""What every client of a Service Bus queue may rely on: plain functions of an SDK and a broker.

They run on both Python SDKs, several at a time in lanes of their own queues, since nearly all of their time
is the SDKs' own sleeping.
"""
