"""EVT3 to events to voxel grids, in million events a second on one core, against other ways of the same.

faery, expelliarmus and evlib read files, so that opening one is part of their time; ours is given with the file read as
well, for comparison with them. All of them must find the same number of events.
"""

from __future__ import annotations

import argparse
import importlib.util
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rows import Row, at_least, one_core

from faceedge.errors import ConfigurationError
from faceedge.events.event import EVENT_DTYPE
from faceedge.events.evt3 import Decoder, encode
from faceedge.events.files import read_events
from faceedge.events.raw_file import RawReader
from faceedge.events.representation import Geometry, VoxelStream

PIECE_BYTES = 1 << 16
"""As a driver or a packet has them."""
STEP_US = 10_000
CELLS = 64
EVENTS = 4_000_000
TRIES = 5
GOAL_MEV_S = 50.0


def made(folder: Path) -> Path:
    """A file of events as edges that move make them: runs of neighbours in a row beside single ones (synthetic)."""
    random = np.random.default_rng(0)
    starts = EVENTS // 4
    events = np.empty(EVENTS, EVENT_DTYPE)
    t = np.sort(random.integers(0, 200_000, starts))
    x, y, bright = random.integers(0, 1270, starts), random.integers(0, 720, starts), random.random(starts) < 0.5
    events["t"], events["y"], events["p"] = np.repeat(t, 4), np.repeat(y, 4), np.repeat(bright, 4)
    events["x"] = np.repeat(x, 4) + np.tile(np.arange(4), starts)
    path = folder / "made.raw"
    header = "% evt 3.0\n% format EVT3;height=720;width=1280\n% geometry 1280x720\n% end\n"
    path.write_bytes(header.encode() + encode(events))
    return path


def naive(words: bytes) -> int:
    """The loop that scripts usually have, a word at a time; how many events."""
    time_high = time_low = row = base = bright = 0
    found: list[tuple[int, int, int, int]] = []
    for (word,) in struct.iter_unpack("<H", words):
        kind, value = word >> 12, word & 0xFFF
        if kind == 0:
            row = value & 0x7FF
        elif kind == 2:
            found.append((time_high | time_low, value & 0x7FF, row, value >> 11))
        elif kind == 3:
            base, bright = value & 0x7FF, value >> 11
        elif kind in (4, 5):
            bits = 12 if kind == 4 else 8
            found.extend((time_high | time_low, base + bit, row, bright) for bit in range(bits) if value >> bit & 1)
            base += bits
        elif kind == 6:
            time_low = value
        elif kind == 8:
            time_high = value << 12
    return len(found)


def best_s(run: Callable[[], int], tries: int = TRIES) -> tuple[float, int]:
    """Shortest time, and what it found."""
    times, found = [], 0
    run()
    for _ in range(tries):
        began = time.perf_counter()
        found = run()
        times.append(time.perf_counter() - began)
    return min(times), found


def section(args: argparse.Namespace) -> list[Row]:
    """All ways on one file."""
    with tempfile.TemporaryDirectory() as folder, one_core(args.core):
        return measured(args.recording or made(Path(folder)), args.recording is None)


def measured(path: Path, synthetic: bool) -> list[Row]:
    """Rows of one file."""
    with RawReader(path) as reader:
        width, height = reader.width, reader.height
        data = b"".join(iter(lambda: reader.read(1 << 20), b""))
    pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]

    def decode(compiled: bool) -> int:
        decoder = Decoder(width, height, compiled=compiled)
        return sum(len(decoder.feed(piece)) for piece in pieces)

    def to_grids() -> int:
        decoder, stream = Decoder(width, height), VoxelStream(Geometry(width, height, CELLS, CELLS), STEP_US)
        count = 0
        for piece in pieces:
            events = decoder.feed(piece)
            count += len(events)
            for _ in stream.push(events):
                pass
        return count

    wanted, what = to_grids(), f"{path.name}{', synthetic' if synthetic else ''}, {width}x{height}"
    ours_s, _ = best_s(to_grids)
    rows = [at_least("decode + voxel grid", wanted / ours_s / 1e6, "Mev/s", GOAL_MEV_S, f"{wanted:,} events, {what}")]
    others: list[tuple[str, Callable[[], int], str]] = [
        ("decode alone, compiled", lambda: decode(True), ""),
        ("decode alone, NumPy", lambda: decode(False), "without numba"),
        ("a file, ours", lambda: len(read_events(path).events), "opened, read and decoded"),
        ("a file, faery", lambda: faery(path), "opened, read and decoded"),
        ("a file, expelliarmus", lambda: expelliarmus(path), "opened, read and decoded"),
        ("a file, evlib", lambda: evlib(path), "opened, read and decoded"),
    ]
    for name, run, note in others:
        try:
            taken_s, count = best_s(run)
        except (ImportError, ConfigurationError):
            rows.append(Row(name, float("nan"), "Mev/s", note="not installed"))
            continue
        except Exception as error:  # what another library says of a file that it does not read
            rows.append(Row(name, float("nan"), "Mev/s", note=f"cannot: {str(error)[:80]}"))
            continue
        differs = "" if count == wanted else f"; {count - wanted:+,} events"
        note = f"{note}{differs}; decode + voxel grid is {taken_s / count * wanted / ours_s:.1f} times as fast"
        rows.append(Row(name, count / taken_s / 1e6, "Mev/s", note=note.lstrip("; ")))
    part = data[: 2 * (len(data) // 40)]
    taken_s, count = best_s(lambda: naive(part), 2)
    ratio = taken_s / count * wanted / ours_s
    rows.append(
        Row("naive loop", count / taken_s / 1e6, "Mev/s", note=f"decode + voxel grid is {ratio:.0f} times as fast")
    )
    return rows


def faery(path: Path) -> int:
    """Events that faery finds."""
    from faery import file_decoder

    return sum(len(packet) for packet in file_decoder.Decoder(path))


def expelliarmus(path: Path) -> int:
    """Events that expelliarmus finds."""
    if importlib.util.find_spec("expelliarmus") is None:
        raise ImportError("expelliarmus")
    from expelliarmus import Wizard

    return len(Wizard(encoding="evt3", fpath=path).read())


def evlib(path: Path) -> int:
    """Events that evlib finds."""
    import evlib as library

    return len(library.load_events(str(path)).collect())
