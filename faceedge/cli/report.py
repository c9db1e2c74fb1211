"""The demonstration's summary: one HTML page without any other file, and the same figures as JSON."""

from __future__ import annotations

import base64
import json
import os
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from markupsafe import Markup

from faceedge import __version__
from faceedge.cli import demo_person, demo_radar
from faceedge.cli.palette import EXPRESSION_COLOURS, colour_of, hex_of, label_of
from faceedge.cli.scoreboard import Scoreboard, Sight
from faceedge.cli.timeline import timeline_svg
from faceedge.simulation.live.session_folder import SessionFolder

STRIP_QUALITY = 82
SHORTEST_TRACK_S = 0.5


@dataclass
class Outcome:
    """What a run of the demonstration left behind.

    Attributes:
        folder: of all outputs.
        chapters: title, first frame, number of frames of each scene.
        rate_hz: of the clip.
        strip: the picture strip (h, w, 3) uint8 BGR.
        poster: one picture of it, shown before the video plays.
        session: of the synthetic person, who is seen in the first scene; None: nobody was.
        video, sensor_strip, radar_strip, bag: paths, None where there is none.
        expression: whether expressions were estimated.
        authentication: figures of the radar's authentication; None: it was not shown.
        notes: sentences for the reader.
    """

    folder: Path
    chapters: Sequence[tuple[str, int, int]]
    rate_hz: float
    strip: np.ndarray | None = None
    poster: np.ndarray | None = None
    video: Path | None = None
    session: SessionFolder | None = None
    sensor_strip: Path | None = None
    radar_strip: Path | None = None
    bag: Path | None = None
    expression: bool = True
    authentication: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)


def summarise(board: Scoreboard, outcome: Outcome) -> dict[str, Any]:
    """All figures of the page as plain values."""
    latency = board.end_to_end_ms()
    tracks = {face: sights for face, sights in board.tracks().items() if _seconds(sights) >= SHORTEST_TRACK_S}
    with board.lock:
        topics = [
            {
                "name": topic.name,
                "type": topic.type_name,
                "messages": topic.messages,
                "rate_hz": round(topic.mean_rate_hz(), 1),
                "kilobytes": round(topic.bytes / 1000, 1),
            }
            for topic in sorted(board.topics.values(), key=lambda topic: topic.name)
        ]
        pictures, start_ns = board.pictures, board.first_stamp_ns
        nodes = {name: {"level": entry[0], "message": entry[1], **entry[2]} for name, entry in board.nodes.items()}
    return {
        "version": __version__,
        "when": datetime.now().astimezone().isoformat(timespec="seconds"),
        "machine": machine_facts(),
        "pictures": pictures,
        "epoch_ns": start_ns,
        "scenes": [
            {"title": title, "first_s": first / outcome.rate_hz, "last_s": (first + count) / outcome.rate_hz}
            for title, first, count in outcome.chapters
        ],
        "end_to_end_ms": {
            kind: {"p50": round(p50, 2), "p99": round(p99, 2), "count": count}
            for kind, (p50, p99, count) in latency.items()
        },
        "stages_ms": [
            {"node": node, "stage": stage, "p50": p50, "p99": p99} for node, stage, p50, p99 in board.stages_ms()
        ],
        "topics": topics,
        "nodes": nodes,
        "faces": [_face_summary(face, sights, start_ns) for face, sights in tracks.items()],
        "expression_estimated": outcome.expression,
        "radar": demo_radar.summarise(board),
        "events": demo_person.summarise(board),
        "authentication": outcome.authentication,
        "notes": outcome.notes,
    }


def _seconds(sights: Sequence[Sight]) -> float:
    return (sights[-1].stamp_ns - sights[0].stamp_ns) / 1e9 if sights else 0.0


def _face_summary(face: str, sights: Sequence[Sight], start_ns: int) -> dict[str, Any]:
    counts = Counter(label_of(sight.word) for sight in sights)
    yaws = [sight.yaw_deg for sight in sights if sight.yaw_deg is not None]
    colours = {label_of(sight.word): hex_of(colour_of(sight.word)) for sight in sights}
    return {
        "id": face,
        "first_s": round((sights[0].stamp_ns - start_ns) / 1e9, 1),
        "seconds": round(_seconds(sights), 1),
        "pictures": len(sights),
        "shares": [
            {"label": label, "share": round(count / len(sights), 3), "colour": colours[label]}
            for label, count in counts.most_common()
        ],
        "yaw_deg": [round(min(yaws)), round(max(yaws))] if yaws else None,
    }


def machine_facts() -> dict[str, str]:
    """The machine and the software, for comparing figures."""
    model = ""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0))
    return {
        "processor": f"{model or platform.machine()}, {cores} core{'s' if cores != 1 else ''}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "opencv": cv2.__version__,
        "numpy": np.__version__,
    }


def write_page(board: Scoreboard, outcome: Outcome) -> Path:
    """Write `index.html`, `summary.json` and `strip.png` into the outcome's folder; returns the page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    summary = summarise(board, outcome)
    (outcome.folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    strip = ""
    if outcome.strip is not None:
        cv2.imwrite(str(outcome.folder / "strip.png"), outcome.strip)
        strip = _data_url(outcome.strip)
    faces = {entry["id"] for entry in summary["faces"]}
    tracks = {face: sights for face, sights in board.tracks().items() if face in faces}
    scenes = [(scene["first_s"], scene["last_s"]) for scene in summary["scenes"]]
    words = [label_of(word) for word in EXPRESSION_COLOURS]
    environment = Environment(
        loader=PackageLoader("faceedge.cli"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("report.html.j2").render(
        summary,
        strip=strip,
        poster="" if outcome.poster is None else _data_url(outcome.poster),
        sensor_strip="" if outcome.sensor_strip is None else _png_url(outcome.sensor_strip),
        radar_strip="" if outcome.radar_strip is None else _png_url(outcome.radar_strip),
        video=_relative(outcome.video, outcome.folder),
        bag=_relative(outcome.bag, outcome.folder),
        bag_mb=_megabytes(outcome.bag),
        timeline=Markup(timeline_svg(tracks, scenes, board.first_stamp_ns)),  # made by us, texts escaped there
        legend=list(zip(words, (hex_of(colour) for colour in EXPRESSION_COLOURS.values()), strict=True)),
        stage_scale=max([entry["p99"] for entry in summary["stages_ms"]] + [1.0]),
        day=datetime.now().strftime("%-d %B %Y, %H:%M"),
    )
    path = outcome.folder / "index.html"
    path.write_text(page, encoding="utf-8")
    return path


def _data_url(image: np.ndarray) -> str:
    encoded = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, STRIP_QUALITY])[1]
    return "data:image/webp;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _png_url(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _relative(path: Path | None, folder: Path) -> str:
    return "" if path is None else path.relative_to(folder).as_posix()


def _megabytes(path: Path | None) -> float:
    if path is None:
        return 0.0
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 1e6
