"""Raw frames of a radar out of a ROS 2 bag, read without ROS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from faceedge.bags import open_bag
from faceedge.errors import FaceedgeError, InputError, one_line
from faceedge.radar.chirp import ChirpSettings, from_json
from faceedge.radar.gaps import missing_frames

if TYPE_CHECKING:
    from rosbags.rosbag2 import Reader

ADC, CHIRP = "adc", "chirp"
"""Last words of the topics; both have the same words before them."""


def open_bag_frames(path: Path) -> tuple[ChirpSettings, Iterator[tuple[np.ndarray, int, int]]]:
    """The chirp of the first radar in a bag and an iterator over its frames, see `clips.Frames`.

    Raises:
        InputError: no bag, or one without the raw samples and chirp settings of a radar.
    """
    reader = open_bag(path)
    topics = {connection.topic: connection for connection in reader.connections}
    radars = sorted(
        topic.rpartition("/")[0]
        for topic in topics
        if topic.rpartition("/")[2] == ADC and f"{topic.rpartition('/')[0]}/{CHIRP}" in topics
    )
    if not radars:
        reader.close()
        raise InputError(
            f"{path} has no radar's raw samples: expected topics such as /radar/{ADC} and /radar/{CHIRP}, it has "
            f"{', '.join(sorted(topics)) or 'none'}."
        )
    chirp = _chirp(reader, topics[f"{radars[0]}/{CHIRP}"], path)
    return chirp, _frames(reader, topics[f"{radars[0]}/{ADC}"], chirp, path)


def _decoded(reader: Reader, connection: Any, path: Path) -> Iterator[Any]:
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    try:
        for _, _, data in reader.messages(connections=[connection]):
            yield store.deserialize_cdr(data, connection.msgtype)
    except FaceedgeError:
        raise
    except Exception as error:  # the bytes are from outside
        raise InputError(f"{path}: a message on {connection.topic} cannot be read: {one_line(error)}.") from error


def _chirp(reader: Reader, connection: Any, path: Path) -> ChirpSettings:
    for message in _decoded(reader, connection, path):
        return from_json(message.data)
    raise InputError(f"{path} has no message on {connection.topic}; without chirp settings the frames have no scale.")


def _frames(reader: Reader, connection: Any, chirp: ChirpSettings, path: Path) -> Iterator[tuple[np.ndarray, int, int]]:
    sequence, last_ns = -1, 0
    try:
        for message in _decoded(reader, connection, path):
            stamp_ns = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
            missing = missing_frames(last_ns, stamp_ns, chirp.frame_period_s) if last_ns else 0
            sequence, last_ns = sequence + missing + 1, stamp_ns
            samples = np.asarray(message.data).view("<u2")
            if samples.size != np.prod(chirp.cube_shape):
                raise InputError(
                    f"{path}: a frame has {samples.size} samples, the chirp says {chirp.cube_shape}; record both anew."
                )
            yield samples.reshape(chirp.cube_shape), sequence, stamp_ns
    finally:
        reader.close()
