"""What a plain launcher of the gallery is made of: say READY=1 as sd_notify does, and serve until it is told to stop.

Imported by the launchers in Python; a shell script runs it to say READY=1.
"""

import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn


def say(text: str = "READY=1") -> None:
    """Send ``text`` to whoever started this launcher."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(text.encode(), os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))


def end_on_sigterm(children: Sequence[int] = ()) -> None:
    """From now on SIGTERM ends the children, with SIGTERM, and then this process, with 0."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for child in children:
            os.kill(child, signal.SIGTERM)
        for child in children:
            os.waitpid(child, 0)
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)


def wait() -> NoReturn:
    while True:
        signal.pause()


def serve(children: Sequence[int] = ()) -> NoReturn:
    """Say READY=1, wait for SIGTERM, exit 0: a good service, as idle as can be."""
    end_on_sigterm(children)
    say()
    wait()


if __name__ == "__main__":
    say()
