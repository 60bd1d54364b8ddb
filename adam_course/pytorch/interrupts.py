"""Ctrl-C between two steps, not within one."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def uninterrupted():
    """Hold a Ctrl-C back until the block has ended; a second one is let through.

    Only where Ctrl-C would raise KeyboardInterrupt here: in the main thread, with Python's
    own handler.

    Examples
    --------
    >>> import signal
    >>> done = []
    >>> try:
    ...     with uninterrupted():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("the whole block")
    ... except KeyboardInterrupt:
    ...     print("interrupted after", *done)
    interrupted after the whole block
    """
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    asked = []

    def wait(*_):
        asked.append(True)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if asked:
        raise KeyboardInterrupt
