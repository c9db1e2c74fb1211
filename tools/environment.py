#!/usr/bin/env python3
"""Prepares the virtual environments in `.venv`, and runs a command in one of them.

    python3 tools/environment.py                      all that ./test needs
    python3 tools/environment.py --python 3.12        one interpreter
    python3 tools/environment.py --one --exec CMD ... one environment, then CMD in it

Everything is cached by content: a second run with unchanged requirement files and message definitions starts in
seconds. Messages go to standard error, the full output to `.venv/log`.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

from bootstrap.errors import SetupError
from bootstrap.interpreters import Interpreter, find_interpreters
from bootstrap.process import clean_environment
from bootstrap.progress import Progress
from bootstrap.ros import sourced_distribution
from bootstrap.stages import (
    WHEEL_MACHINES,
    Environment,
    Recipe,
    distribution_recipe,
    tflite_recipe,
    wheel_recipe,
)

ROOT = Path(__file__).resolve().parent.parent

#: Environments prepared at the same time: installing wheels waits for the disk, building messages for one core.
PARALLEL = 3


def choose_recipes(wanted: str | None = None) -> list[Recipe]:
    """Return the environments with ROS that this machine can have, the preferred one first.

    `wanted` restricts them to one version such as "3.11".

    Raises SetupError if there is none.
    """
    distribution = sourced_distribution(os.environ)
    if distribution is not None:
        if wanted in (None, distribution.interpreter.short_version):
            return [distribution_recipe(distribution.interpreter, distribution.name)]
        raise SetupError(
            f"ROS 2 {distribution.name} is sourced and runs on CPython {distribution.interpreter.short_version}, "
            f"not {wanted}; leave --python out, or use a shell in which ROS 2 is not sourced"
        )
    interpreters = find_interpreters(os.environ)
    if not interpreters:
        raise SetupError(
            "no CPython 3.11 or 3.12 was found on PATH or under pyenv; install one (Debian, Ubuntu: sudo apt install "
            "python3 python3-dev python3-venv) or set FACEEDGE_PYTHON to its path"
        )
    if wanted is not None and wanted not in interpreters:
        raise SetupError(
            f"no CPython {wanted} was found, only {' and '.join(interpreters)}; install it or leave --python out"
        )
    chosen = [interpreters[wanted]] if wanted is not None else list(interpreters.values())
    for interpreter in chosen:
        require_wheels(interpreter)
    return [wheel_recipe(interpreter) for interpreter in chosen]


def require_wheels(interpreter: Interpreter) -> None:
    """Raise SetupError where ROS 2 does not exist as wheels."""
    if sys.platform != "linux" or interpreter.machine not in WHEEL_MACHINES:
        raise SetupError(
            f"ROS 2 as Python wheels exists for x86-64 Linux only, this is {interpreter.machine} {sys.platform}; "
            "install ROS 2 Jazzy from its distribution, source it and run this again (docs/install.md)"
        )


def already_made(recipes: list[Recipe]) -> list[Recipe]:
    """Return `recipes` with those first whose environment is complete."""
    return sorted(recipes, key=lambda recipe: not (ROOT / ".venv" / recipe.name / "stamps" / "package").is_file())


def prepare(recipes: list[Recipe]) -> list[Environment]:
    """Bring the environments of `recipes` up to date, side by side, and return them in the same order.

    Raises SetupError of the first that fails.
    """
    with Progress() as progress:
        environments = [Environment(ROOT, recipe, progress) for recipe in recipes]
        with ThreadPoolExecutor(PARALLEL) as pool:
            for done in [pool.submit(environment.prepare) for environment in environments]:
                done.result()
    return environments


def run_environment(environment: Environment) -> dict[str, str]:
    """Return the variables with which a program of `environment` is started."""
    if environment.recipe.distribution:
        path = os.pathsep.join([str(environment.prefix / "bin"), os.environ.get("PATH", os.defpath)])
        return {**os.environ, "PATH": path}
    return clean_environment(environment.prefix)


def start(environment: Environment, command: list[str]) -> NoReturn:
    """Replace this process by `command` of `environment`, so that signals and the exit status are the command's own."""
    program = environment.prefix / "bin" / command[0]
    os.execve(program, [str(program), *command[1:]], run_environment(environment))


def all_recipes(wanted: str | None = None) -> list[Recipe]:
    """Return the environments of the whole test suite: those with ROS, then tflite-runtime's where it runs.

    Raises SetupError if there is no environment with ROS.
    """
    recipes = choose_recipes(wanted)
    tflite = [tflite_recipe(r.interpreter) for r in recipes if r.interpreter.tag == "cp311" and r.ros_wheels]
    return recipes + tflite


def main(arguments: list[str]) -> int:
    """Prepare the environments that the arguments name; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="tools/environment.py", description="Prepare the environments of this checkout."
    )
    parser.add_argument("--python", metavar="VERSION", help="only this interpreter, such as 3.11")
    parser.add_argument(
        "--one", action="store_true", help="only one environment: a finished one, else the newest Python's"
    )
    parser.add_argument("--exec", nargs=argparse.REMAINDER, metavar="CMD", help="then run CMD from that environment")
    options = parser.parse_args(arguments)
    try:
        if options.one or options.exec:
            recipes = already_made(choose_recipes(options.python))[:1]
        else:
            recipes = all_recipes(options.python)
        environments = prepare(recipes)
    except SetupError as error:
        print(f"faceedge: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("faceedge: interrupted; run this again to go on", file=sys.stderr)
        return 130
    if not options.exec:
        for environment in environments:
            print(environment.python)
        return 0
    start(environments[0], options.exec)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
