"""Where in memory an array begins."""

import numpy as np

ALIGNMENT = 64  # bytes: a line of the cache, and the widest vector a processor loads
STAGGER = 17 * ALIGNMENT  # from one buffer to the next, within a page of memory


def aligned(size, dtype, rank=0):
    """An uninitialised flat array that begins at a whole line of the cache.

    NumPy's begin at 16 bytes, and large ones all at the same place in a page.  The first
    costs a tenth of the speed.  So does the second, on processors that compare the last
    twelve bits of addresses: what is read from one array looks like what was just written to
    another.  So buffers of different `rank` begin at different places.
    """
    dtype = np.dtype(dtype)
    raw = np.empty(size * dtype.itemsize + ALIGNMENT + rank * STAGGER, np.uint8)
    begin = -raw.ctypes.data % ALIGNMENT + rank * STAGGER
    return raw[begin : begin + size * dtype.itemsize].view(dtype)
