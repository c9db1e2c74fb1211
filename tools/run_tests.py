#!/usr/bin/env python3
"""Runs the checks and the tests on each supported Python of this machine and sums up.

    ./test                         everything
    ./test --python 3.11           one interpreter
    ./test --fast                  without the graph tests (nodes as processes of their own over DDS)
    ./test -- -k tracking -x       arguments for pytest

Checks run once. Unit tests of the interpreters run side by side; graph tests run one after the other, alone, because
they depend on the timing of processes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bootstrap.errors import SetupError
from bootstrap.progress import Progress
from bootstrap.stages import Environment
from environment import ROOT, all_recipes, prepare, run_environment

#: Jobs that run at the same time.
PARALLEL = 2

#: Tests and benchmarks are typed, but may pass on what libraries without types return, and replace a module's imports.
RELAXED = ("--no-warn-return-any", "--implicit-reexport", "--cache-dir", ".mypy_cache/tests")

#: A failed job shows its end; the whole is in the log.
SHOWN_LINES = 150

#: Marks of the tests that run again with tflite-runtime and NumPy 1, where a distribution may have just these.
OLDER = ("models", "arrays")

#: pytest's exit status when no test was collected.
PYTEST_NOTHING = 5


@dataclass(frozen=True)
class Job:
    """One command of the suite. `is_pytest` jobs may find nothing to run and are summed up by their closing line."""

    name: str
    environment: Environment
    command: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    is_pytest: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a job ended, with what it printed."""

    job: Job
    status: int
    output: str
    duration_s: float

    @property
    def passed(self) -> bool:
        """Whether the job found no fault."""
        return self.status == 0 or (self.job.is_pytest and self.status == PYTEST_NOTHING)

    @property
    def closing_line(self) -> str:
        """The last line that says something."""
        lines = [line for line in self.output.splitlines() if line.strip()]
        return lines[-1].strip() if lines else "no output"


def check_jobs(environment: Environment) -> list[Job]:
    """Return the checks of the source text, which do not depend on the interpreter."""
    folders = [name for name in ("tests", "benchmarks") if (ROOT / name).is_dir()]
    return [
        Job("ruff check", environment, ("ruff", "check", "--quiet", "--output-format", "concise", ".")),
        Job("ruff format", environment, ("ruff", "format", "--check", "--quiet", ".")),
        Job("mypy", environment, ("mypy",)),
        Job("mypy on tests", environment, ("mypy", *RELAXED, "tools", *folders)),
        Job("import contracts", environment, ("lint-imports", "--no-cache")),
    ]


def pytest_job(name: str, environment: Environment, expression: str, extra: Sequence[str], **variables: str) -> Job:
    """Return the job that runs the tests whose markers fit `expression`."""
    cache = f"cache_dir=.pytest_cache/{environment.recipe.name}"
    command = ("pytest", "-q", "-m", expression, "-o", cache, "-p", "no:cov", *extra)
    return Job(name, environment, command, variables, is_pytest=True)


def files_with(marks: Sequence[str]) -> list[str]:
    """Return the test files in which one of `marks` is written.

    The environment of tflite-runtime lacks what the other files import, and pytest imports before it selects.
    """
    texts = {path: path.read_text() for path in sorted((ROOT / "tests").glob("test_*.py"))}
    chosen = [path for path, text in texts.items() if any(f"pytest.mark.{mark}" in text for mark in marks)]
    return [str(path.relative_to(ROOT)) for path in chosen]


def jobs(environments: Sequence[Environment], fast: bool, extra: Sequence[str]) -> tuple[list[Job], list[Job]]:
    """Return the jobs that may run side by side, and those that run alone."""
    with_ros = [each for each in environments if not each.recipe.name.endswith("-tflite")]
    without_ros = [each for each in environments if each.recipe.name.endswith("-tflite")]
    shared = check_jobs(with_ros[0])
    alone = []
    for each in with_ros:
        version = each.recipe.interpreter.short_version
        shared.append(pytest_job(f"unit tests, CPython {version}", each, "not graph", extra))
        alone.append(pytest_job(f"graph tests, CPython {version}", each, "graph", extra))
    for each in without_ros:
        name = f"tests with tflite-runtime and NumPy 1, CPython {each.recipe.interpreter.short_version}"
        arguments = [*files_with(OLDER), *extra]
        shared.append(pytest_job(name, each, " or ".join(OLDER), arguments, FACEEDGE_RUNTIME="tflite-runtime"))
    return shared, [] if fast else alone


def run(job: Job, progress: Progress) -> Outcome:
    """Run `job` and report it in one line."""
    start = time.monotonic()
    variables = run_environment(job.environment) | job.variables
    program = job.environment.prefix / "bin" / job.command[0]
    with progress.stage(job.name, "running"):
        done = subprocess.run(
            [program, *job.command[1:]],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    log = ROOT / ".venv" / "log" / f"test {job.name}.log".replace(", ", "-").replace(" ", "-")
    log.write_text(done.stdout)
    outcome = Outcome(job, done.returncode, done.stdout, time.monotonic() - start)
    if not outcome.passed:
        lines = outcome.output.rstrip().splitlines()
        where = f"last {SHOWN_LINES} of {len(lines)} lines, all in {log}" if len(lines) > SHOWN_LINES else f"log: {log}"
        shown = "\n".join(lines[-SHOWN_LINES:])
        progress.say(f"\n---- {job.name} failed ({where}) ----\n{shown}\n---- end of {job.name} ----\n")
    elif job.is_pytest:
        progress.say(outcome.closing_line)
    return outcome


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the table that ends the run."""
    width = max(len(outcome.job.name) for outcome in outcomes)
    lines = ["", "Summary"]
    for outcome in outcomes:
        verdict = "pass" if outcome.passed else "FAIL"
        detail = outcome.closing_line if outcome.job.is_pytest else ""
        lines.append(f"  {verdict}  {outcome.job.name:<{width}}  {outcome.duration_s:6.1f} s  {detail}".rstrip())
    failed = [outcome.job.name for outcome in outcomes if not outcome.passed]
    lines.append(f"FAILED: {', '.join(failed)}" if failed else "All passed.")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Prepare the environments, run every job, print the summary; 0 if everything passed."""
    extra: list[str] = []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, extra = arguments[:cut], arguments[cut + 1 :]
    parser = argparse.ArgumentParser(
        prog="./test", description="Run the checks and tests of faceedge.", epilog="Arguments after -- go to pytest."
    )
    parser.add_argument("--python", metavar="VERSION", help="only this interpreter, such as 3.11")
    parser.add_argument("--fast", action="store_true", help="leave out the graph tests")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    try:
        environments = prepare(all_recipes(options.python))
        shared, alone = jobs(environments, options.fast, extra)
        with Progress() as progress:
            with ThreadPoolExecutor(PARALLEL) as pool:
                outcomes = list(pool.map(lambda job: run(job, progress), shared))
            outcomes += [run(job, progress) for job in alone]
    except SetupError as error:
        print(f"faceedge: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("faceedge: interrupted", file=sys.stderr)
        return 130
    print(summary(outcomes))
    print(f"{time.monotonic() - start:.0f} s in all on {os.cpu_count()} cores")
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
