"""`faceedge inspect`: what is in a recording, a chirp file, a bag or a data set."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from faceedge.bags import is_bag
from faceedge.cli.palette import ACCENT
from faceedge.errors import InputError
from faceedge.radar import inspection
from faceedge.radar.chirp_files import list_chirp_files
from faceedge.radar.inspection import Report

if TYPE_CHECKING:
    from rich.table import Table

READABLE = (
    "a recording folder of a BGT60TR13C (radar.npy and config.json), a stream of an IWR6843, a chirp file (Infineon's "
    ".json or TI's .cfg), a ROS 2 bag (folder, .mcap or .db3), a file of events (.raw, .aedat4), and a session or "
    "data set of `faceedge simulate`"
)
_CHIRP_SUFFIXES = (".cfg", ".json")
_MOST_PROBLEMS = 8
_TYPED_WIDTH, _SHAPED_WIDTH = 100, 130
"""Columns of the terminal from which types and shapes of topics are shown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge inspect`."""
    parser.add_argument("path", type=Path, metavar="PATH", help=f"{READABLE}; or the name of a chirp that ships")
    parser.add_argument("--json", action="store_true", help="for machines; the keys stay as they are")


def main(args: argparse.Namespace, out: TextIO | None = None) -> int:
    """Print what is in ``args.path``; 0, or an InputError whose sentence says what cannot be read and why."""
    report = inspect(args.path.expanduser())
    out = out or sys.stdout
    if args.json:
        json.dump(dataclasses.asdict(report), out, indent=2, ensure_ascii=False)
        out.write("\n")
    else:
        show(report, out)
    return 0


def inspect(path: Path) -> Report:
    """Find out what ``path`` is and look into it.

    Raises:
        InputError: it does not exist, is of an unknown kind, or is damaged so that nothing can be read.
    """
    from faceedge.radar.recording_folder import CUBES, is_recording

    if not path.exists():
        shipped = [file for file in list_chirp_files() if str(path) in (file.name, file.stem)]
        if not shipped:
            raise InputError(f"there is nothing at {path}.")
        path = shipped[0]
    from faceedge.cli import inspect_session

    if inspect_session.is_session(path):
        return inspect_session.inspect_session(path)
    if inspect_session.is_data_set(path):
        return inspect_session.inspect_data_set(path)
    if path.name == CUBES or (path.is_dir() and is_recording(path)):
        return inspection.inspect_vendor_folder(path)
    if is_bag(path):
        from faceedge.cli.inspect_bag import inspect_bag

        return inspect_bag(path)
    if path.is_file():
        if path.suffix in _CHIRP_SUFFIXES:
            return inspection.inspect_chirp_file(path)
        if inspection.is_ti_stream(path):
            return inspection.inspect_ti_stream(path)
        if path.suffix in inspect_session.EVENT_SUFFIXES:
            return inspect_session.inspect_events(path)
    raise InputError(f"{path} is nothing that faceedge can read; it reads {READABLE}.")


# --- for people -------------------------------------------------------------------------------------------------------


def show(report: Report, out: TextIO) -> None:
    """The report for people."""
    from rich.console import Console, Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console(file=out, highlight=False)
    console.print(Text.assemble((report.format, f"bold {ACCENT}"), "  ", (report.path, "dim")), soft_wrap=True)
    parts: list[Any] = [_pairs(_facts(report))]
    if report.chirp:
        both = Table.grid(padding=(0, 4))
        both.add_row(*(_pairs([readable(*row) for row in part.items()]) for part in report.chirp.values()))
        parts += [Text("\nchirp", style="bold"), both]
    if report.topics:
        parts += [Text("\ntopics", style="bold"), _topics(report, console.width)]
    if report.problems:
        frames = report.frames
        whole = frames is not None and not frames.lost and not frames.broken
        heading = "odd parts of whole frames" if whole else "lost or broken"
        parts += [Text(f"\n{heading}", style="bold yellow"), _problems(report)]
    if report.notes:
        parts += [Text("\nnotes", style="bold yellow"), _pairs([("·", note) for note in report.notes])]
    console.print(Padding(Group(*parts), (0, 0, 0, 2), expand=False))


def _facts(report: Report) -> list[tuple[str, str]]:
    rows = [("size", _bytes(report.bytes))]
    if report.duration_s is not None:
        rows.append(("duration", f"{report.duration_s:.3f} s"))
    if report.rate_hz is not None:
        rows.append(("rate", f"{report.rate_hz:.2f} frames/s"))
    if report.frames is not None:
        frames = report.frames
        rows.append(("frames", f"{frames.whole} whole, {frames.lost} lost, {frames.broken} broken"))
    for key, value in report.details.items():
        rows += _detail(key, value)
    return rows


def _detail(key: str, value: Any) -> list[tuple[str, str]]:
    """Rows of one detail: a dictionary of numbers becomes one row, the device's facts and TLVs one row each."""
    if value is None or value == {} or value == []:
        return []
    if key == "device":
        return [readable(name, entry) for name, entry in value.items() if entry != ""]
    if key == "tlvs":
        return [(f"TLV {tlv['type']}", _tlv(tlv)) for tlv in value]
    if isinstance(value, dict):
        name, unit = _name(key)
        inner = ", ".join(f"{part.replace('_', ' ')} {_number(number)}" for part, number in value.items())
        return [(name, f"{inner} {unit}".rstrip())]
    return [readable(key, value)]


def _tlv(tlv: dict[str, Any]) -> str:
    low, high = tlv["smallest_bytes"], tlv["largest_bytes"]
    return f"{tlv['name']}, in {tlv['packets']} packets, {low if low == high else f'{low} to {high}'} bytes"


_UNITS = {
    "_hz_per_s": "Hz/s",
    "_m_s": "m/s",
    "_hz": "Hz",
    "_Hz": "Hz",
    "_db": "dB",
    "_dB": "dB",
    "_ms": "ms",
    "_ns": "ns",
    "_c": "°C",
    "_s": "s",
    "_m": "m",
    "_percent": "%",
}
"""Ends of keys; one that is the end of another stands behind it."""
_PREFIXES = {
    "Hz": ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz")),
    "Hz/s": ((1e12, "MHz/µs"),),
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "m": ((0.1, "m"), (1e-3, "mm")),
}
_SCALES = {"m": 1.0}
"""Of units that are not used from their own size on."""


def readable(key: str, value: Any) -> tuple[str, str]:
    """``range_resolution_m`` and 0.15727 as ``range resolution`` and ``0.157 m``; with the unit that reads best."""
    name, unit = _name(key)
    if key == "start_ns":
        moment = datetime.fromtimestamp(value / 1e9, UTC)
        return "start", moment.strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    if isinstance(value, bool):
        return name, "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return name, ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    for least, larger in _PREFIXES.get(unit, ()):
        if abs(value) >= least:
            return name, f"{_number(value / _SCALES.get(larger, least))} {larger}"
    return name, f"{_number(value)} {unit}".rstrip()


def _name(key: str) -> tuple[str, str]:
    """A key's words and its unit."""
    for suffix, unit in _UNITS.items():
        if key.endswith(suffix):
            return key.removesuffix(suffix).replace("_", " "), unit
    return key.replace("_", " "), ""


def _number(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.5g}"


def _bytes(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _pairs(rows: list[tuple[str, str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def _topics(report: Report, width: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    lost = any("lost" in topic for topic in report.topics)
    shaped = width >= _SHAPED_WIDTH and any(topic.get("shape") for topic in report.topics)
    typed = width >= _TYPED_WIDTH
    table.add_column("topic", overflow="fold")
    if typed:
        table.add_column("type", overflow="fold")
    for name in ("messages", "Hz", "gap ms", *(["lost"] if lost else []), "size"):
        table.add_column(name, justify="right", no_wrap=True)
    if shaped:
        table.add_column("shape", no_wrap=True)
    for topic in report.topics:
        rate, interval = topic["rate_hz"], topic["interval_ms"]
        table.add_row(
            Text(topic["name"], style=ACCENT),
            *([topic["type"].replace("/msg/", "/")] if typed else []),
            str(topic["messages"]),
            f"{rate:.2f}" if rate is not None else "",
            f"{interval['longest']:.1f}" if interval else "",
            *([str(topic.get("lost", ""))] if lost else []),
            _bytes(topic["bytes"]),
            *([topic.get("shape") or ""] if shaped else []),
        )
    return table


def _problems(report: Report) -> Table:
    shown = [(str(problem.count), problem.what) for problem in report.problems[:_MOST_PROBLEMS]]
    if len(report.problems) > _MOST_PROBLEMS:
        shown.append(("", f"and {len(report.problems) - _MOST_PROBLEMS} more; --json has all of them"))
    return _pairs(shown)
