"""The stages that make one environment. Each is skipped when its inputs have the content of its last success."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap import messages
from bootstrap.errors import SetupError
from bootstrap.interpreters import Interpreter, find_compilers
from bootstrap.process import clean_environment, run_logged
from bootstrap.progress import Progress

#: Room that a new environment needs, in bytes: wheels, their unpacked form and the compiled messages.
DISK_NEEDED = 3 * 1024**3

#: Machines for which ROS 2 exists as wheels.
WHEEL_MACHINES = ("x86_64", "AMD64")

#: Sets AMENT_PREFIX_PATH at each start of the environment's Python, before the ROS wheels' own .pth file (they are read
#: in alphabetical order), so that nothing needs to be sourced.
AMENT_PTH = "faceedge_ament_prefix.pth"
AMENT_LINE = (
    'import os, sys; os.environ["AMENT_PREFIX_PATH"] = os.pathsep.join([sys.prefix] + [part for part in '
    'os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if part and part != sys.prefix])\n'
)


@dataclass(frozen=True)
class Recipe:
    """What goes into an environment.

    name: its folder under `.venv`. requirements: files of `requirements/`. ros_wheels: whether ROS comes as wheels, and
    the message packages are built. distribution: the sourced ROS distribution that it stands on, or "".
    """

    name: str
    interpreter: Interpreter
    requirements: tuple[str, ...]
    ros_wheels: bool
    distribution: str = ""

    @property
    def constrained(self) -> bool:
        """Whether the pinned versions of `constraints.txt` apply."""
        return not self.distribution


def wheel_recipe(interpreter: Interpreter) -> Recipe:
    """ROS 2 and everything else from wheels; the messages are built here."""
    return Recipe(interpreter.tag, interpreter, ("ros", "build", "python", "simulation", "develop"), ros_wheels=True)


def distribution_recipe(interpreter: Interpreter, distribution: str) -> Recipe:
    """ROS 2 and its messages from the sourced distribution; only what it lacks is installed."""
    name = f"{interpreter.tag}-{distribution}"
    return Recipe(name, interpreter, ("distribution",), ros_wheels=False, distribution=distribution)


def tflite_recipe(interpreter: Interpreter) -> Recipe:
    """No ROS: the model tests on tflite-runtime and NumPy 1."""
    return Recipe(f"{interpreter.tag}-tflite", interpreter, ("tflite-runtime",), ros_wheels=False)


@dataclass
class Environment:
    """One environment being made. `root` is the checkout."""

    root: Path
    recipe: Recipe
    progress: Progress
    base_environment: dict[str, str] = field(default_factory=clean_environment)

    @property
    def prefix(self) -> Path:
        """The environment's folder."""
        return self.root / ".venv" / self.recipe.name

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.prefix / "bin" / "python"

    @property
    def log(self) -> Path:
        """Everything that the stages print."""
        return self.root / ".venv" / "log" / f"{self.recipe.name}.log"

    def prepare(self) -> None:
        """Bring the environment up to date.

        Raises SetupError with one sentence if that is not possible.
        """
        self.prefix.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with (self.prefix.parent / f"{self.recipe.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.progress.say(f"[{self.recipe.name}] another process prepares this environment; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            self._stages()

    def _stages(self) -> None:
        interpreter = self.recipe.interpreter
        identity = [str(interpreter.executable), repr(interpreter.version), str(self.prefix), self.recipe.distribution]
        venv_key = digest(identity, [])
        wheels_key = digest([venv_key], self._requirement_files())
        if (self.prefix / "stamps" / "wheels.begun").exists():
            self.progress.say(f"[{self.recipe.name}] the last installation was cut off; starting again")
            shutil.rmtree(self.prefix)
        self._stage("venv", "create the virtual environment", venv_key, self._make_venv)
        self._stage("wheels", "install the Python packages", wheels_key, self._install_wheels)
        if self.recipe.ros_wheels:
            sources = [self.root / "requirements" / f"{name}.txt" for name in ("ros", "build")]
            sources += [path for path in sorted((self.root / "interfaces").rglob("*")) if path.is_file()]
            sources.append(Path(messages.__file__))
            self._stage("messages", "build the ROS message packages", digest([venv_key], sources), self._build_messages)
        package = [self.root / name for name in ("setup.py", "setup.cfg", "pyproject.toml")]
        package_key = digest([venv_key, AMENT_LINE], [path for path in package if path.exists()])
        self._stage("package", "install faceedge from this folder", package_key, self._install_package)

    def _stage(self, name: str, label: str, key: str, work: Callable[[], None]) -> None:
        """Run `work` unless it succeeded before with the same `key`.

        The stamp is written last and in one step. A stage that was cut off leaves its mark of having begun and runs
        again. (pip may then have left half a package: `_stages` makes the whole environment anew, from pip's cache.)
        """
        stamps = self.prefix / "stamps"
        stamp, begun = stamps / name, stamps / f"{name}.begun"
        if stamp.is_file() and not begun.exists() and stamp.read_text() == key:
            return
        with self.progress.stage(self.recipe.name, label):
            if name != "venv":
                begun.touch()
                stamp.unlink(missing_ok=True)
            work()
        stamps.mkdir(parents=True, exist_ok=True)
        partial = stamps / f"{name}.partial"
        partial.write_text(key)
        partial.replace(stamp)
        begun.unlink(missing_ok=True)

    def _requirement_files(self) -> list[Path]:
        names = [*self.recipe.requirements, *(["constraints"] if self.recipe.constrained else [])]
        return [self.root / "requirements" / f"{name}.txt" for name in names]

    def _make_venv(self) -> None:
        interpreter = self.recipe.interpreter
        if self.recipe.ros_wheels:
            find_compilers(self.base_environment)
            if not interpreter.has_headers:
                raise SetupError(
                    f"the C headers of {interpreter.executable} (Python.h) are missing, which the ROS message packages "
                    f"need; install them (Debian, Ubuntu: sudo apt install python{interpreter.short_version}-dev)"
                )
        free = shutil.disk_usage(self.prefix.parent).free
        if free < DISK_NEEDED:
            raise SetupError(
                f"{self.prefix.parent} has {free / 1e9:.1f} GB free, the environment needs {DISK_NEEDED / 1e9:.1f} GB; "
                "free some space and run this again"
            )
        if self.prefix.exists():
            shutil.rmtree(self.prefix)
        site = ["--system-site-packages"] if self.recipe.distribution else []
        venv: list[str | Path] = [interpreter.executable, "-m", "venv", *site]
        if interpreter.has_venv and interpreter.has_ensurepip:
            run_logged("create the environment", [*venv, self.prefix], self.log, self.base_environment)
        elif interpreter.has_venv and interpreter.has_pip:
            # Debian keeps ensurepip in a package of its own; pip from outside can install itself into the environment.
            run_logged("create the environment", [*venv, "--without-pip", self.prefix], self.log, self.base_environment)
            pip: list[str | Path] = [
                interpreter.executable,
                "-m",
                "pip",
                "--python",
                self.python,
                "install",
                "pip",
                "setuptools",
            ]
            run_logged("install pip", pip, self.log, self.base_environment)
        else:
            raise SetupError(
                f"{interpreter.executable} can make no virtual environment; install the missing module "
                f"(Debian, Ubuntu: sudo apt install python{interpreter.short_version}-venv) and run this again"
            )
        (self.prefix / "stamps").mkdir()

    def _pip(self, what: str, *arguments: str | Path) -> None:
        command = [
            self.python,
            "-m",
            "pip",
            "install",
            "--no-input",
            "--no-compile",
            "--progress-bar",
            "off",
            *arguments,
        ]
        run_logged(what, command, self.log, self._inside())

    def _inside(self) -> dict[str, str]:
        if not self.recipe.distribution:
            return clean_environment(self.prefix)
        return {**os.environ, "PATH": os.pathsep.join([str(self.prefix / "bin"), os.environ.get("PATH", os.defpath)])}

    def _install_wheels(self) -> None:
        files = [self.root / "requirements" / f"{name}.txt" for name in self.recipe.requirements]
        arguments: list[str | Path] = []
        for file in files:
            arguments += ["-r", file]
        if self.recipe.constrained:
            arguments += ["-c", self.root / "requirements" / "constraints.txt"]
        self._pip("install the Python packages", *arguments)

    def _build_messages(self) -> None:
        messages.build(self.root, self.prefix, self.root / ".venv" / "build" / self.recipe.name, self.log)

    def _install_package(self) -> None:
        if self.recipe.ros_wheels:
            (messages.site_packages(self.prefix) / AMENT_PTH).write_text(AMENT_LINE)
        # All environments install from the one folder, in which setuptools writes its egg-info.
        with (self.prefix.parent / "package.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._pip("install faceedge", "--no-deps", "--no-build-isolation", "--editable", self.root)


def digest(words: Iterable[str], files: Iterable[Path]) -> str:
    """Return a hash of `words` and of the names and contents of `files`.

    Raises SetupError if a file is missing.
    """
    total = hashlib.sha256()
    for word in words:
        total.update(word.encode() + b"\0")
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise SetupError(
                f"{file} cannot be read ({error.strerror}); the checkout is incomplete, restore it with git"
            ) from error
        total.update(file.name.encode() + b"\0" + hashlib.sha256(content).digest())
    return total.hexdigest()
