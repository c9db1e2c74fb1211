"""What `faceedge enroll` shows while it captures: the request, the step's bar and the coverage meter."""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from faceedge.cli.palette import ACCENT
from faceedge.cli.terminal_view import bar
from faceedge.perception.enrolment.enrolment import Phase, Progress, Sitting
from faceedge.perception.enrolment.guidance import WANTED_LOOKS, WANTED_SECONDS, WANTED_SPAN_M, Coverage

SHOW_PERIOD_S, PLAIN_PERIOD_S = 0.1, 2.0
_BAR_CELLS = 24
_WIDTH = 78


def meters(seen: Coverage) -> list[tuple[str, float, str]]:
    """Name, share and words of each part of the coverage meter."""
    return [
        ("time", seen.seconds / WANTED_SECONDS, f"{seen.seconds:.0f} of {WANTED_SECONDS:.0f} s"),
        ("looks that differ", seen.looks / WANTED_LOOKS, f"{seen.looks} of {WANTED_LOOKS}"),
        (
            "distances",
            seen.span_m / WANTED_SPAN_M,
            f"{100 * seen.span_m:.1f} of {100 * WANTED_SPAN_M:.0f} cm",
        ),
    ]


def sitting_words(sitting: Sitting) -> str:
    """What one sitting gave."""
    seen = sitting.coverage
    return (
        f"{seen.seconds:5.1f} s  {seen.looks:3d} looks that differ  at {100 * seen.distance_m:.0f} cm, over "
        f"{100 * seen.span_m:.1f} cm"
    )


def panel(name: str, progress: Progress, person_note: str = "") -> RenderableType:
    """The whole view."""
    request = Text(progress.say, style="bold")
    if progress.phase is Phase.FAILED:
        request.stylize("red")
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=18)
    grid.add_column(width=_BAR_CELLS)
    grid.add_column()
    if progress.step:
        grid.add_row(
            Text(f"step: {progress.step}"),
            bar(progress.step_share, ACCENT, _BAR_CELLS),
            f"{progress.step_share:.0%}",
        )
        grid.add_row()
    for label, share, words in meters(progress.coverage):
        grid.add_row(Text(label, style="dim"), bar(share, "green" if share >= 1 else ACCENT, _BAR_CELLS), words)
    range_text = "-" if math.isnan(progress.range_m) else f"{100 * progress.range_m:.0f} cm"
    grid.add_row(Text("distance now", style="dim"), Text(range_text), "")
    below = Text(progress.problem or person_note, style="yellow" if progress.problem else "dim")
    title = f"enrolling {name} · sitting {progress.sitting} of {progress.sittings}"
    return Panel(
        Group(request, Text(), grid, Text(), below),
        title=title,
        title_align="left",
        border_style="dim",
        width=_WIDTH,
        padding=(1, 2),
    )


def plain_line(progress: Progress) -> str:
    """One line for output that is no terminal."""
    words = ", ".join(f"{label} {words}" for label, _, words in meters(progress.coverage))
    step = f" [{progress.step} {progress.step_share:.0%}]" if progress.step else ""
    problem = f" | {progress.problem}" if progress.problem else ""
    return f"sitting {progress.sitting} of {progress.sittings}{step}: {progress.say} | {words}{problem}"


class CaptureView:
    """A context in which progress is shown, live in a terminal, line by line elsewhere.

    Args:
        name: of the person.
        console: where to.
    """

    def __init__(self, name: str, console: Console) -> None:
        self._name, self._console = name, console
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._last_s = -math.inf
        self._said = ""

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Show it if it is time to, and at once where the person is asked for something else."""
        now_s = time.monotonic()
        changed, self._said = progress.say != self._said, progress.say
        if self._live is not None:
            if changed or now_s - self._last_s >= SHOW_PERIOD_S:
                self._last_s = now_s
                self._live.update(panel(self._name, progress), refresh=True)
        elif changed or now_s - self._last_s >= PLAIN_PERIOD_S:
            self._last_s = now_s
            self._console.print(plain_line(progress), markup=False, soft_wrap=True)
