"""Builds the message packages of `interfaces/` into a virtual environment that holds ROS 2 as wheels."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from bootstrap.errors import SetupError
from bootstrap.process import clean_environment, run_logged

#: Folders of the machine on which the wheels were built, written into their CMake files.
BAKED_PYTHON = re.compile(r"/opt/[^;\" ]*/include/python3\.\d+")
BAKED_NUMPY = re.compile(r"/opt/[^;\" ]*/numpy/(?:_core|core)/include")


def site_packages(prefix: Path) -> Path:
    """Return the `site-packages` folder of an environment."""
    return next((prefix / "lib").glob("python3.*/site-packages"))


def packages(root: Path) -> list[Path]:
    """Return the folders of the message packages, by name."""
    return sorted(path.parent for path in (root / "interfaces").glob("*/package.xml"))


def repair_include_folders(prefix: Path) -> None:
    """Replace the include folders of the wheels' build machine by those of this environment's interpreter.

    Raises SetupError if the environment's Python or NumPy does not answer.
    """
    question = "import sysconfig, numpy; print(sysconfig.get_paths()['include']); print(numpy.get_include())"
    done = subprocess.run(
        [prefix / "bin" / "python", "-c", question], capture_output=True, text=True, env=clean_environment(prefix)
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SetupError(f"NumPy does not start in {prefix} ({last}); remove that folder and run this again")
    python_include, numpy_include = done.stdout.splitlines()
    for file in (prefix / "share").glob("*/cmake/*.cmake"):
        text = file.read_text()
        repaired = BAKED_PYTHON.sub(lambda _: python_include, BAKED_NUMPY.sub(lambda _: numpy_include, text))
        if repaired != text:
            file.write_text(repaired)


def remove(prefix: Path, name: str) -> None:
    """Remove what an earlier build of the package `name` left in the environment."""
    site = site_packages(prefix)
    found = [prefix / "share" / name, prefix / "include" / name, site / name, *site.glob(f"{name}-*.egg-info")]
    found += (prefix / "lib").glob(f"lib{name}__*")
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def build(root: Path, prefix: Path, work: Path, log: Path) -> None:
    """Build every message package of `root` into the environment at `prefix`, which is also the install prefix.

    `work` holds the intermediate files and is removed afterwards.

    Raises SetupError if the build fails.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    repair_include_folders(prefix)
    for package in packages(root):
        remove(prefix, package.name)
    environment = clean_environment(prefix) | {
        "ROS_VERSION": "2",
        "ROS_DISTRO": "jazzy",
        "ROS_PYTHON_VERSION": "3",
        "AMENT_PREFIX_PATH": str(prefix),
        "CMAKE_PREFIX_PATH": str(prefix),
    }
    command: list[str | os.PathLike[str]] = [prefix / "bin" / "colcon", "--log-base", work / "log", "build"]
    command += ["--base-paths", *packages(root), "--build-base", work / "build", "--install-base", prefix]
    command += ["--merge-install", "--event-handlers", "console_direct+", "--cmake-args", "-G", "Ninja"]
    command += [f"-DPython3_EXECUTABLE={prefix / 'bin' / 'python'}", "-DBUILD_TESTING=OFF", "-Wno-dev"]
    run_logged("build the ROS message packages", command, log, environment, folder=work)
    shutil.rmtree(work)
