"""TCP ports of this machine."""

import errno
import ipaddress
import os
import socket

from django.utils.translation import gettext as _

LOCALHOST = "127.0.0.1"


def reserve(
    port: int, address: str = LOCALHOST, family: socket.AddressFamily = socket.AF_INET
) -> int:
    """Return `port`, for 0 a free one, if a server could listen on it now; raises OSError."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # there this option would share a port that is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, port))
        port = probe.getsockname()[1]
    # Some systems let one server bind an address while another has the port on all of them.
    if is_answering(port, address):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    return port


def is_answering(port: int, address: str = LOCALHOST) -> bool:
    """Return whether something accepts connections on a port of this machine."""
    if ipaddress.ip_address(address.partition("%")[0]).is_unspecified:
        address = LOCALHOST
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def find_free(
    first: int, address: str = LOCALHOST, family: socket.AddressFamily = socket.AF_INET
) -> int:
    """Return the first free port from `first` on; any free one if none is near."""
    for port in [*range(first, min(first + 100, 65_536)), 0]:
        try:
            return reserve(port, address, family)
        except OSError:
            continue
    return 0


def explain_conflict(
    port: int, address: str = LOCALHOST, family: socket.AddressFamily = socket.AF_INET
) -> str:
    """Return a sentence that says why a port cannot be listened on; "" if it can."""
    try:
        reserve(port, address, family)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            return _("You have no permission to listen on port %(port)s.") % {"port": port}
        return _("Port %(port)s is already in use.") % {"port": port}
    return ""
