"""Claims-based security: the token of a client in, and accepted whatever it says; the stand has no secrets.

Source of the rules: learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide.
"""

from collections.abc import Callable

from local.servicebus.amqp_session import AmqpSession
from local.servicebus.errors import not_implemented
from local.servicebus.links import Delivery
from local.servicebus.requests import encode_answer, encode_refusal, read_request


def responder(session: AmqpSession, address: str) -> Callable[[Delivery], None]:
    """Takes put-token requests and answers them on the reply link of the same address."""

    def take(delivery: Delivery) -> None:
        request = read_request(delivery.payload)
        if request.operation == "put-token":
            answer = encode_answer(request, 202, "Accepted")
        else:
            answer = encode_refusal(request, not_implemented("Only put-token is supported here."))
        session.reply(address, answer)

    return take
