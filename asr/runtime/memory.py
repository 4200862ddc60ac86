"""Gives freed memory back to the system."""

from __future__ import annotations

import ctypes
import sys

_C = None if sys.platform == "win32" else ctypes.CDLL(None)
_malloc_trim = getattr(_C, "malloc_trim", None)


def release_memory() -> None:
    """Return freed memory to the system.

    Arrays of many shapes fragment the heap, and the GNU C library keeps it.
    """
    if _malloc_trim is not None:
        _malloc_trim(ctypes.c_size_t(0))
