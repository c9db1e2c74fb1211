"""The radar that sees a session: an emulated BGT60TR13C behind a serial bridge, which follows the session's time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from faceedge.radar.chirp import ChirpSettings
from faceedge.simulation.devices.bgt60 import Bgt60Chip
from faceedge.simulation.devices.bridge import BridgeEmulator
from faceedge.simulation.devices.clock import RealClock
from faceedge.simulation.devices.faults import Faults
from faceedge.simulation.devices.feed import Feed
from faceedge.simulation.live.session_feed import SessionFeed
from faceedge.simulation.live.session_folder import SessionFolder

CHIP_C = 38.5


def to_monotonic_ns(system_ns: int) -> int:
    """A moment of the system clock on CLOCK_MONOTONIC, by which emulated devices work."""
    return time.monotonic_ns() + system_ns - time.time_ns()


def radar_port(
    feed: Callable[[ChirpSettings], Feed],
    epoch_ns: Callable[[], int | None],
    *,
    link: Path | None = None,
    faults: Faults | None = None,
) -> BridgeEmulator:
    """The emulated radar, not yet plugged in.

    Args:
        feed: makes what it sees from the chirp settings that it is given.
        epoch_ns: moment of the feed's frame 0, ns of the system clock; asked whenever frames start.
        link: path of the port; None: in a temporary folder.
        faults: of the line and of the bridge.
    """

    def epoch() -> int | None:
        moment_ns = epoch_ns()
        return None if moment_ns is None else to_monotonic_ns(moment_ns)

    chip = Bgt60Chip(feed, RealClock(), temperature_c=CHIP_C, epoch=epoch)
    return BridgeEmulator(chip, faults=faults, link=link)


def session_radar(session: SessionFolder, *, loop: bool = True) -> Callable[[ChirpSettings], Feed]:
    """What `radar_port` needs to play the frames of ``session``."""
    cubes = session.cubes()
    duration_s = session.duration_s if loop else 0.0
    return lambda chirp: SessionFeed(cubes, session.chirp, chirp, duration_s=duration_s)
