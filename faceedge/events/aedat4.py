"""AEDAT4, the event files of iniVation's cameras and of DV, through faery.

Format: docs.inivation.com, "AEDAT 4 file format". Of what such a file may hold, events are read; a stream of them is
written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from faceedge.errors import ConfigurationError, DeviceError, InputError, one_line
from faceedge.events.aedat4_layout import check_layout
from faceedge.events.event import as_events, check_events
from faceedge.events.faery_library import faery_module, reading

LARGEST_SIDE = 32767
"""Coordinates are int16."""

_ROOT = "/mainloop/Recorder/outInfo/"


class Aedat4Writer:
    """Writes a stream of events while they come; a context manager. Only a closed file can be read.

    Args:
        path: of a file that does not exist.
        width, height: of the sensor.
        source: the camera's name.
        start_us: Unix time in us of the events' time 0, which AEDAT4 counts from.

    Attributes:
        events: written so far.

    Raises:
        ConfigurationError: no faery, the file exists or cannot be made, or a sensor that does not fit.
    """

    def __init__(
        self, path: Path | str, width: int, height: int, *, source: str = "faceedge", start_us: int = 0
    ) -> None:
        self.path = Path(path).expanduser()
        if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):
            raise ConfigurationError(f"an AEDAT4 file has 1 to {LARGEST_SIDE} pixels a side, not {width}x{height}.")
        if not 0 <= start_us < 1 << 62:
            raise ConfigurationError(f"an AEDAT4 file counts us from 1970 on; {start_us} us is no such time.")
        aedat = faery_module("extension", "writing AEDAT4").aedat
        if self.path.exists():
            raise ConfigurationError(f"the file {self.path} exists already; give another name or remove it.")
        self._width, self._height, self._start_us, self._last_us = width, height, start_us, 0
        self._dtype = faery_module("", "writing AEDAT4").EVENTS_DTYPE
        self.events = 0
        try:
            self._encoder: Any = aedat.Encoder(self.path, _description(aedat, width, height, source), ("lz4", 1))
            self._encoder.__enter__()
        except (OSError, RuntimeError) as error:
            raise ConfigurationError(f"the file {self.path} cannot be made: {one_line(error)}.") from error

    def append(self, events: np.ndarray) -> None:
        """Add events, not earlier than those before.

        Raises:
            InputError: they do not fit; nothing was written.
            DeviceError: the disk is full or gone.
        """
        events = check_events(events, self._width, self._height)
        if not len(events):
            return
        if int(events["t"][0]) < self._last_us:
            raise InputError(f"events continue at {events['t'][0]} us after {self._last_us} us; write them in order.")
        packet = np.empty(len(events), self._dtype)
        packet["t"] = events["t"] + self._start_us
        packet["x"], packet["y"], packet["on"] = events["x"], events["y"], events["p"]
        try:
            self._encoder.write(0, packet)
        except (OSError, RuntimeError) as error:
            raise DeviceError(
                f"{self.path} cannot be continued after {self.events} events: {one_line(error)}."
            ) from error
        self._last_us = int(events["t"][-1])
        self.events += len(events)

    def close(self) -> None:
        """Write the table of contents and finish; may be called twice."""
        if self._encoder is not None:
            encoder, self._encoder = self._encoder, None
            try:
                encoder.__exit__(None, None, None)
            except (OSError, RuntimeError) as error:
                raise DeviceError(f"{self.path} cannot be finished: {one_line(error)}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _description(aedat: Any, width: int, height: int, source: str) -> list[Any]:
    """The XML tree that says what the file's one stream is."""

    def node(name: str, path: str, attributes: Mapping[str, tuple[str, str | int]], *nodes: Any) -> Any:
        values = {key: aedat.DescriptionAttribute(kind, value) for key, (kind, value) in attributes.items()}
        return aedat.DescriptionNode(name=name, path=path, attributes=values, nodes=list(nodes))

    info: dict[str, tuple[str, str | int]] = {
        "sizeX": ("int", width),
        "sizeY": ("int", height),
        "source": ("string", source),
        "tsOffset": ("long", 0),
    }
    stream = {
        "compression": ("string", "LZ4"),
        "originalModuleName": ("string", "faceedge"),
        "originalOutputName": ("string", "events"),
        "typeDescription": ("string", "Array of events (polarity ON/OFF)."),
        "typeIdentifier": ("string", "EVTS"),
    }
    return [node("outInfo", _ROOT, {}, node("0", f"{_ROOT}0/", stream, node("info", f"{_ROOT}0/info/", info)))]


class Aedat4Reader:
    """Reads the first stream of events of an AEDAT4 file, a packet at a time.

    Args:
        path: of the file.

    Attributes:
        width, height: of the sensor.

    Raises:
        ConfigurationError: no faery.
        InputError: no AEDAT4 file, a damaged one, or one without events.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser()
        self._aedat = faery_module("extension", "reading AEDAT4").aedat
        check_layout(self.path)
        with reading(self.path):
            tracks = self._aedat.Decoder(self.path).tracks()
        track = next((track for track in tracks if track.data_type == "events"), None)
        if track is None or not track.dimensions:
            kinds = ", ".join(track.data_type for track in tracks) or "nothing"
            raise InputError(f"{self.path} holds {kinds}; expected a stream of events.")
        self._track: int = track.id
        self.width, self.height = track.dimensions

    def __iter__(self) -> Iterator[np.ndarray]:
        """Packets of events in the order of the file."""
        with reading(self.path):
            for track, packet in self._aedat.Decoder(self.path):
                if track.id == self._track and len(packet):
                    yield as_events(packet)
