"""The faults of the development servers: each message names what to do about it."""


class DevServerError(Exception):
    """Base of everything that devservers raise on purpose."""


class MissingToolError(DevServerError):
    """A program that devservers need is absent or too old on this machine."""


class CacheError(DevServerError):
    """The cache cannot be written, or another process makes the same in it for too long."""


class JarFetchError(DevServerError):
    """Maven could not bring Kafka's jars into the cache."""


class GuardianError(DevServerError):
    """The guardian process of a server did not do what it was asked."""


class ServerStartError(DevServerError):
    """A server ended, or did not answer in time, while starting; carries the end of its log."""


class PortTakenError(ServerStartError):
    """Another process listens on the port that the server must have."""


class DataDirInUseError(ServerStartError):
    """Another server, perhaps one still ending, has the data folder."""


class ServerStateError(DevServerError):
    """The call does not fit what the server is doing, such as pausing a stopped one."""
