"""Compiled inner loops. Numba comes with the extras ``sim`` and ``events``; a machine without it gets a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from faceedge.errors import ConfigurationError, one_line

try:
    import numba
except ModuleNotFoundError as _error:
    raise ConfigurationError(
        f"compiled loops need the Python package {_error.name!r}, which is not installed; `pip install "
        "'faceedge[events]'` brings it."
    ) from _error
except ImportError as _error:  # as numba says of a NumPy that is too new for it
    raise ConfigurationError(
        f"the Python package 'numba' cannot be loaded ({one_line(_error)}); `pip install --upgrade 'faceedge[sim]'` "
        "brings one that fits."
    ) from _error

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile ``function`` at its first call, for one core, without the interpreter's lock; kept on disk for the next
    process.

    Floating point may be reordered (no NaN, no infinity may go in), so sums differ in the last digits from NumPy's.
    Nothing checks a division by zero, because that check would keep loops from being vectorised: nobody may do one.

    Compiled functions that call each other become one. Otherwise the linker may take one version of the inner function
    in the process that compiles it and another, optimised again, in those that find it on the disk, and the last digits
    would depend on who came first.
    """
    flags = {"nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}
    jit = numba.njit(cache=True, nogil=True, forceinline=True, fastmath=flags, error_model="numpy")
    return cast(_Function, jit(function))
