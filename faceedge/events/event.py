"""What an event is, wherever it comes from."""

from __future__ import annotations

import numpy as np

from faceedge.errors import InputError

EVENT_DTYPE = np.dtype([("t", "<i8"), ("x", "<u2"), ("y", "<u2"), ("p", "?")])
"""One change of light at one pixel: time in us, column, row (0 at the top), and whether it became brighter."""


def no_events() -> np.ndarray:
    """(0,) of `EVENT_DTYPE`."""
    return np.empty(0, EVENT_DTYPE)


def joined(pieces: list[np.ndarray]) -> np.ndarray:
    """All of them as one; as bytes, since NumPy copies structures one by one."""
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        return no_events()
    return np.concatenate([piece.view(np.uint8) for piece in pieces]).view(EVENT_DTYPE)


def as_events(array: np.ndarray) -> np.ndarray:
    """(n,) of `EVENT_DTYPE` from a structured array with the fields t, x, y and p (or ``on``, as faery names it).

    Raises:
        InputError: a field is missing.
    """
    if array.dtype == EVENT_DTYPE:
        return array
    names = array.dtype.names or ()
    bright = "p" if "p" in names else "on"
    missing = [name for name in ("t", "x", "y", bright) if name not in names]
    if missing or array.ndim != 1:
        raise InputError(
            f"events came as {array.dtype} of shape {array.shape}; expected one dimension, fields t, x, y and p."
        )
    events = np.empty(len(array), EVENT_DTYPE)
    for name, source in (("t", "t"), ("x", "x"), ("y", "y"), ("p", bright)):
        events[name] = array[source]
    return events


def check_events(events: np.ndarray, width: int, height: int) -> np.ndarray:
    """``events`` as `EVENT_DTYPE`, ready to be written.

    Raises:
        InputError: wrong fields, times that are negative or go back, or a pixel outside ``width`` x ``height``.
    """
    events = as_events(events)
    if not len(events):
        return events
    t = events["t"]
    if t[0] < 0:
        raise InputError(f"the first event has the time {t[0]} us; times begin at 0.")
    back = np.flatnonzero(t[1:] < t[:-1])
    if len(back):
        at = int(back[0]) + 1
        raise InputError(
            f"event {at} has the time {t[at]} us after {t[at - 1]} us; sort the events by time before they are written."
        )
    if int(events["x"].max()) >= width or int(events["y"].max()) >= height:
        outside = int(np.flatnonzero((events["x"] >= width) | (events["y"] >= height))[0])
        raise InputError(
            f"event {outside} is at column {events['x'][outside]}, row {events['y'][outside]}; the sensor has "
            f"{width}x{height} pixels."
        )
    return events
