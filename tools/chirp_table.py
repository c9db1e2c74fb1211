#!/usr/bin/env python3
"""The table of chirp files in firmware_configs/README.md, computed from the files.

python3 tools/chirp_table.py           print it
python3 tools/chirp_table.py --write   write it into the README, between its markers
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from faceedge.radar.chirp_files import list_chirp_files, load_chirp_file  # noqa: E402
from faceedge.radar.chirp_limits import LIMITS  # noqa: E402

README = ROOT / "firmware_configs" / "README.md"
BEGIN, END = "<!-- computed by tools/chirp_table.py -->", "<!-- end -->"
COLUMNS = (
    "File",
    "Device",
    "Ramp, GHz (sampled)",
    "Cube",
    "Range resolution, from, usable to",
    "Velocity resolution, limit",
    "Frames/s",
    "Burst, on air",
    "Beat at 0.15, 0.25, 0.60 m",
)


def row(path: Path) -> str:
    """One line of the table."""
    chirp = load_chirp_file(path).chirp
    usable_m = min(chirp.max_range_m, chirp.range_of_beat_m(chirp.low_pass_hz))
    beats = ", ".join(f"{chirp.beat_frequency_hz(range_m) / 1e3:.0f}" for range_m in (0.15, 0.25, 0.60))
    receivers, transmitters = len(chirp.rx_antennas), len(chirp.tx_antennas)
    antennas = f"{receivers} RX" + (f" x {transmitters} TX" if transmitters > 1 else "")
    cells = (
        f"`{path.name}`",
        LIMITS[chirp.device].name,
        f"{chirp.start_frequency_hz / 1e9:.5g} to {chirp.end_frequency_hz / 1e9:.5g} "
        f"({chirp.sampled_bandwidth_hz / 1e9:.3f})",
        f"{antennas} x {chirp.chirps_per_frame} x {chirp.samples_per_chirp}",
        f"{chirp.range_resolution_m * 100:.1f} cm, {chirp.range_of_beat_m(chirp.high_pass_hz):.2f} m, {usable_m:.2f} m",
        f"{chirp.velocity_resolution_m_s:.3f}, {chirp.max_velocity_m_s:.2f} m/s",
        f"{chirp.frame_rate_hz:.4g}",
        f"{chirp.chirps_per_frame * chirp.chirp_period_s * 1e3:.1f} ms, {chirp.on_air:.0%}",
        f"{beats} kHz",
    )
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """The whole table, with its heading."""
    head = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    files = [path for path in list_chirp_files() if path.parent == README.parent]
    return "\n".join(head + [row(path) for path in files])


def with_table(text: str) -> str:
    """The README's text with a fresh table between the markers."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def main() -> int:
    """Print or write the table."""
    parser = argparse.ArgumentParser(description="The table of chirp files.")
    parser.add_argument("--write", action="store_true", help="write it into firmware_configs/README.md")
    if parser.parse_args().write:
        README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
