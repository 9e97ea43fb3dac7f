"""The tree of faults. An expected answer is an `Outcome`, never one of these."""


class InventoryStreamError(Exception):
    """Root of every fault that this product raises on purpose."""


class RetryableError(InventoryStreamError):
    """The same attempt may succeed later; a running process backs off and tries again."""


class SettingsError(InventoryStreamError):
    """A setting is wrong. The message names the setting, its value and the way out."""


class UnreachableError(RetryableError):
    """A server does not answer. The message names it and its address."""


class PortBusyError(RetryableError):
    """A port to listen on is another process's, which may be about to end. The message names the setting."""


class RefusedError(InventoryStreamError):
    """A server answers but does not let us in: password, certificate or right. One line with the way out."""


class ForeignViewError(InventoryStreamError):
    """The view in Redis is another environment's. One line with both owners and the way out."""


class LedgerLogError(InventoryStreamError):
    """The ledger topic cannot be written or read as its rules demand. Ends the process (P7)."""


class FencedError(LedgerLogError):
    """Another owner claimed the partition: this one must not decide any more."""


class ForeignAppendError(LedgerLogError):
    """The ledger holds rows that this owner did not write after its claim (P5)."""


class InputRangeError(LedgerLogError):
    """@progress lies outside its input topic: the topic was recreated or its retention passed (P9)."""


class CorruptLedgerError(LedgerLogError):
    """A row of the ledger topic cannot be decoded. Recovery stops rather than guess."""


class TopicsError(InventoryStreamError):
    """A topic is missing or its settings differ from what P12 demands."""


class HostError(InventoryStreamError):
    """Kafka's group or Faust handed over what must not happen (P10, lost batches). Ends the process."""
