"""The sockets that the service listens on."""

import errno
import socket

from regrade.serving.base.errors import ListenError
from regrade.serving.base.settings import Settings


def listen(settings: Settings) -> list[socket.socket]:
    """Listening sockets, one for each address of the host that `settings` name, all on the same port.

    They are made before anything else, so that a port that is taken costs nothing, least of all the first admin key.
    Raises `ListenError`.
    """
    host, port = settings.host, settings.port
    made: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            free = (address[0], made[0].getsockname()[1] if made else port, *address[2:])
            try:
                made.append(socket.create_server(free, family=family, backlog=2048))
            except OSError as error:
                # `localhost` may stand for ::1 on a machine without IPv6.
                if error.errno != errno.EADDRNOTAVAIL or len(found) == 1:
                    raise
    except OSError as error:
        for sock in made:
            sock.close()
        raise ListenError(_why_not(error, host, port)) from error
    if not made:
        raise ListenError(f"No address of {host!r} belongs to this machine. Choose another with --host.")
    return made


def _why_not(error: OSError, host: str, port: int) -> str:
    another = "Choose another with --port or REGRADE_PORT; 0 takes a free one."
    if isinstance(error, socket.gaierror):
        return f"The address {host!r} cannot be found: {error.strerror}. Choose another with --host."
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is already in use. {another}"
    if error.errno == errno.EACCES:
        return f"Port {port} of {host} needs rights that this user has not. {another}"
    return f"Port {port} of {host} cannot be listened on: {error.strerror}. Check --host and --port."
