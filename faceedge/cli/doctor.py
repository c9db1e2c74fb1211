"""`faceedge doctor`: what this machine has and lacks, line by line, with a remedy."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TextIO

from faceedge import __version__
from faceedge.cli.check_devices import check_cameras, check_radar_libraries, check_serial, check_spi, check_usb
from faceedge.cli.check_system import check_computer, check_inference, check_ros
from faceedge.cli.machine import FAIL, NONE, OK, WARN, Finding, Machine

_STYLES = {OK: ("✔", "green"), WARN: ("▲", "yellow"), FAIL: ("✘", "bold red"), NONE: ("·", "dim")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge doctor`."""
    parser.add_argument("--json", action="store_true", help="a list of findings for machines")


def examine(machine: Machine) -> Iterator[Finding]:
    """All findings, in the order of the report."""
    sensors = (check_cameras, check_serial, check_spi, check_radar_libraries, check_usb)
    for check in (check_computer, check_ros, check_inference, *sensors):
        yield from check(machine)


def main(args: argparse.Namespace, machine: Machine | None = None, out: TextIO | None = None) -> int:
    """Print the report; 1 when something without which faceedge cannot work is missing, else 0."""
    findings = list(examine(machine or Machine()))
    out = out or sys.stdout
    if args.json:
        json.dump([dataclasses.asdict(finding) for finding in findings], out, indent=2, ensure_ascii=False)
        out.write("\n")
    else:
        show(findings, out)
    return int(any(finding.status == FAIL for finding in findings))


def show(findings: Iterable[Finding], out: TextIO) -> None:
    """The report for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    findings = list(findings)
    console = Console(file=out, highlight=False)
    console.print(Text.assemble(("faceedge doctor", "bold"), f"  {__version__}", style="default"))
    for group, members in groupby(findings, key=lambda finding: finding.group):
        console.print()
        console.print(Text(group, style="bold cyan"))
        table = Table.grid(padding=(0, 1))
        table.add_column(width=6, no_wrap=True)
        table.add_column(width=max(len(f.name) for f in findings), no_wrap=True)
        table.add_column(overflow="fold")
        for finding in members:
            mark, style = _STYLES[finding.status]
            detail = Text(finding.detail, style="dim" if finding.status == NONE else "")
            if finding.remedy:
                detail.append(f"\n→ {finding.remedy}", style="italic" if finding.status == NONE else f"italic {style}")
            table.add_row(Text(f"{mark} {finding.status}", style=style), finding.name, detail)
        console.print(table)
    console.print()
    console.print(_verdict(findings))


def _verdict(findings: list[Finding]) -> str:
    failed = [finding.name for finding in findings if finding.status == FAIL]
    warned = sum(finding.status == WARN for finding in findings)
    warnings = f"; {warned} warning{'s' if warned != 1 else ''}" if warned else ""
    if failed:
        return f"[bold red]faceedge cannot work here[/]: {', '.join(dict.fromkeys(failed))}{warnings}."
    return f"[bold green]faceedge can work here[/]{warnings}."
