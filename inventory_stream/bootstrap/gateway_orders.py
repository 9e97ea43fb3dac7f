"""Orders of many lines and payments, as a part of a gateway."""

import asyncio

from inventory_stream.adapters.kafka.dead_letters import KafkaDeadLetters
from inventory_stream.adapters.kafka.payment_topics import KafkaPaymentOutcomes, PaymentConsumer
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS
from inventory_stream.bootstrap.gateway_part import Core, Part
from inventory_stream.flows.orders.notes import OrderNotes
from inventory_stream.flows.payments.consume import ConsumePayments
from inventory_stream.flows.payments.settle import SettlePayment
from inventory_stream.gateway.routes.orders import OrderRoutes
from inventory_stream.gateway.routes.payments import PaymentRoutes
from inventory_stream.ports.payments import PAYMENT_EVENTS, PAYMENT_OUTCOMES, PAYMENTS_GROUP
from models.reservation_ids import sku_of


def orders_part(core: Core) -> Part:
    """Build both: a payment settles the orders that are placed here."""
    settings, gateway = core.settings, core.settings.gateway
    notes = OrderNotes(core.notes)
    outcomes = KafkaPaymentOutcomes(core.connection, settings.topic(PAYMENT_OUTCOMES))
    letters = KafkaDeadLetters(
        connection=core.connection,
        topic=settings.topic(DEAD_LETTERS),
        request_timeout_seconds=settings.kafka.request_timeout_seconds,
    )
    settling = SettlePayment(core.desk, notes, outcomes, gateway.confirm_on, sku_of, core.monitor)
    consumer = PaymentConsumer(
        core.connection,
        settings.topic(PAYMENT_EVENTS),
        settings.topic(PAYMENTS_GROUP),
        ConsumePayments(settling, letters, gateway.answer_seconds).take,
        settings.kafka.session_timeout_seconds,
    )
    orders = OrderRoutes(core.desk, notes, core.customers, core.reserving.door, gateway.answer_seconds)
    payments = PaymentRoutes(settling, gateway.payment_secrets_by_provider(), gateway.answer_seconds)

    async def close() -> None:
        await asyncio.gather(outcomes.close(), letters.close())

    return Part((*orders.endpoints(), *payments.endpoints()), background=(consumer.run,), close=close)
