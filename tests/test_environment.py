"""The preparation of environments: what it finds, what it keeps, what it says when something is missing."""

from __future__ import annotations

import io
import os
import platform
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import environment as bootstrap_command
import pytest
from bootstrap import interpreters, messages, process, ros, stages
from bootstrap.errors import SetupError
from bootstrap.progress import Progress

ROOT = Path(__file__).parent.parent

THIS = interpreters.Interpreter(Path(sys.executable), (3, 11, 2), "x86_64", True, True, True, True)


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def fake_python(path: Path, version: str = "3, 12, 1", headers: Path = Path("/nowhere"), pip: bool = True) -> Path:
    """A program that answers the probe as an interpreter would."""
    answer = (
        f'{{"executable": "{path}", "implementation": "CPython", "version": [{version}], "include": "{headers}", '
        f'"venv": true, "ensurepip": {str(pip).lower()}, "pip": {str(pip).lower()}, "machine": "x86_64"}}'
    )
    return script(path, f"echo '{answer}'")


def made(tmp_path: Path) -> stages.Environment:
    """An environment in `tmp_path` whose stages are replaced by the test."""
    (tmp_path / "requirements").mkdir(exist_ok=True)
    for name in ("ros", "build", "python", "simulation", "develop", "constraints"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"# {name}\n")
    definition = tmp_path / "interfaces" / "some_msgs" / "msg" / "Some.msg"
    definition.parent.mkdir(parents=True, exist_ok=True)
    definition.write_text("uint8 value\n")
    return stages.Environment(tmp_path, stages.wheel_recipe(THIS), Progress(io.StringIO()))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which stages did work; each only notes its name."""
    calls: list[str] = []

    def note(name: str) -> Callable[[stages.Environment], None]:
        def work(self: stages.Environment) -> None:
            (self.prefix / "stamps").mkdir(parents=True, exist_ok=True)
            calls.append(name)

        return work

    for name in ("make_venv", "install_wheels", "build_messages", "install_package"):
        monkeypatch.setattr(stages.Environment, f"_{name}", note(name))
    return calls


def test_a_second_run_with_the_same_content_does_nothing(tmp_path: Path, ran: list[str]) -> None:
    made(tmp_path).prepare()
    assert ran == ["make_venv", "install_wheels", "build_messages", "install_package"]
    made(tmp_path).prepare()
    assert len(ran) == 4


def test_touching_a_file_without_changing_it_rebuilds_nothing(tmp_path: Path, ran: list[str]) -> None:
    made(tmp_path).prepare()
    os.utime(tmp_path / "interfaces" / "some_msgs" / "msg" / "Some.msg", (1, 1))
    stages.Environment(tmp_path, stages.wheel_recipe(THIS), Progress(io.StringIO())).prepare()
    assert len(ran) == 4


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("interfaces/some_msgs/msg/Some.msg", ["build_messages"]),
        ("requirements/python.txt", ["install_wheels"]),
        ("requirements/build.txt", ["install_wheels", "build_messages"]),
        ("setup.py", ["install_package"]),
    ],
)
def test_a_change_redoes_only_the_stages_that_depend_on_it(
    tmp_path: Path, ran: list[str], changed: str, again: list[str]
) -> None:
    subject = made(tmp_path)
    (tmp_path / "setup.py").write_text("# nothing\n")
    subject.prepare()
    ran.clear()
    (tmp_path / changed).write_text("changed\n")
    subject.prepare()
    assert ran == again


def test_another_interpreter_makes_everything_anew(tmp_path: Path, ran: list[str]) -> None:
    subject = made(tmp_path)
    subject.prepare()
    ran.clear()
    newer = replace(THIS, version=(3, 11, 9))
    stages.Environment(tmp_path, stages.wheel_recipe(newer), subject.progress).prepare()
    assert ran == ["make_venv", "install_wheels", "build_messages", "install_package"]


def test_an_installation_that_was_cut_off_starts_from_an_empty_folder(
    tmp_path: Path, ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = made(tmp_path)

    def killed(self: stages.Environment) -> None:
        (self.prefix / "half_a_package").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stages.Environment, "_install_wheels", killed)
        with pytest.raises(KeyboardInterrupt):
            subject.prepare()
    ran.clear()
    subject.prepare()
    assert ran == ["make_venv", "install_wheels", "build_messages", "install_package"]
    assert not (subject.prefix / "half_a_package").exists()


def test_a_build_that_was_cut_off_is_repeated_without_the_wheels(
    tmp_path: Path, ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = made(tmp_path)

    def killed(self: stages.Environment) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stages.Environment, "_build_messages", killed)
        with pytest.raises(KeyboardInterrupt):
            subject.prepare()
    ran.clear()
    subject.prepare()
    assert ran == ["build_messages", "install_package"]


def test_a_shim_that_fails_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "SYSTEM_FOLDERS", ())
    script(tmp_path / "shims" / "python3.12", "echo 'pyenv: version not selected' >&2; exit 127")
    fake_python(tmp_path / "home" / ".pyenv" / "versions" / "3.12.1" / "bin" / "python3")
    found = interpreters.find_interpreters({"PATH": str(tmp_path / "shims"), "HOME": str(tmp_path / "home")})
    assert found["3.12"].executable == tmp_path / "home" / ".pyenv" / "versions" / "3.12.1" / "bin" / "python3"


def test_an_interpreter_with_headers_wins_over_one_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "SYSTEM_FOLDERS", ())
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "Python.h").touch()
    fake_python(tmp_path / "a" / "python3.12")
    good = fake_python(tmp_path / "b" / "python3.12", headers=tmp_path / "include")
    path = os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")])
    assert interpreters.find_interpreters({"PATH": path, "HOME": str(tmp_path)})["3.12"].executable == good


def test_a_named_interpreter_of_the_wrong_version_is_refused_by_name(tmp_path: Path) -> None:
    old = fake_python(tmp_path / "python3.9", version="3, 9, 2")
    with pytest.raises(SetupError, match=re.escape(f"FACEEDGE_PYTHON is {old}")):
        interpreters.find_interpreters({"FACEEDGE_PYTHON": str(old), "PATH": ""})


def test_no_interpreter_is_said_with_the_packages_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    monkeypatch.setattr(bootstrap_command, "find_interpreters", lambda environment: {})
    with pytest.raises(SetupError, match=r"no CPython 3\.11 or 3\.12 .* python3-venv"):
        bootstrap_command.choose_recipes()


def test_a_version_that_is_absent_names_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    monkeypatch.setattr(bootstrap_command, "find_interpreters", lambda environment: {"3.11": THIS})
    with pytest.raises(SetupError, match=r"no CPython 3\.12 was found, only 3\.11"):
        bootstrap_command.choose_recipes("3.12")


def test_an_arm_machine_is_sent_to_the_distribution() -> None:
    with pytest.raises(SetupError, match=r"this is aarch64 .*docs/install\.md"):
        bootstrap_command.require_wheels(replace(THIS, machine="aarch64"))


def test_a_missing_compiler_is_said_with_the_package_to_install(tmp_path: Path) -> None:
    script(tmp_path / "gcc", "exit 0")
    with pytest.raises(SetupError, match=r"no C\+\+ compiler.*apt install gcc g\+\+"):
        interpreters.find_compilers({"PATH": str(tmp_path)})


def test_missing_python_headers_are_said_with_the_package_to_install(tmp_path: Path) -> None:
    recipe = stages.wheel_recipe(replace(THIS, has_headers=False))
    made(tmp_path)
    with pytest.raises(SetupError, match=r"Python\.h\) are missing.*apt install python3\.11-dev"):
        stages.Environment(tmp_path, recipe, Progress(io.StringIO())).prepare()


def test_missing_venv_support_is_said_with_the_package_to_install(tmp_path: Path) -> None:
    recipe = stages.tflite_recipe(replace(THIS, has_ensurepip=False, has_pip=False))
    made(tmp_path)
    (tmp_path / "requirements" / "tflite-runtime.txt").write_text("")
    with pytest.raises(SetupError, match=r"no virtual environment.*apt install python3\.11-venv"):
        stages.Environment(tmp_path, recipe, Progress(io.StringIO())).prepare()


def test_a_full_disk_is_said_before_anything_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10**8})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    with pytest.raises(SetupError, match=r"has 0\.1 GB free, the environment needs 3\.2 GB"):
        made(tmp_path).prepare()


def test_an_incomplete_checkout_names_the_missing_file(tmp_path: Path) -> None:
    subject = made(tmp_path)
    (tmp_path / "requirements" / "build.txt").unlink()
    with pytest.raises(SetupError, match=r"build\.txt cannot be read"):
        subject.prepare()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("NewConnectionError: no route\nERROR: No matching distribution found for numpy", "check the network"),
        ("ERROR: No matching distribution found for ros-rclpy==7.1.6", "has no ros-rclpy==7.1.6"),
        ("fatal error: Python.h: No such file or directory", "C headers of Python"),
        ("PermissionError: [Errno 13] Permission denied: '/x/y'", "/x/y is not writable"),
    ],
)
def test_a_known_failure_is_explained_in_a_sentence(output: str, sentence: str) -> None:
    assert sentence in (process.explain(output) or "")


def test_a_failed_command_names_its_status_and_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(SetupError, match=re.escape(f"ended with status 3 (log: {log})")):
        process.run_logged("try", ["sh", "-c", "echo before; exit 3"], log, process.clean_environment())
    assert "before" in log.read_text()


def test_the_traces_of_another_ros_are_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE", "AMENT_PREFIX_PATH", "PYTHONPATH"):
        monkeypatch.setenv(name, "/elsewhere")
    assert "/elsewhere" not in process.clean_environment(Path("/env")).values()
    assert process.clean_environment(Path("/env"))["PATH"].startswith("/env/bin:")


def test_a_sourced_distribution_without_our_messages_is_passed_over_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "SYSTEM_FOLDERS", ())
    environment = {"ROS_DISTRO": "jazzy", "PATH": str(tmp_path), "HOME": str(tmp_path), "FACEEDGE_PYTHON": ""}
    assert ros.sourced_distribution(environment) is None
    assert re.search(r"ros-jazzy-hri-msgs.*wheels instead", capfd.readouterr().err)


def test_the_include_folders_of_the_build_machine_are_recognised() -> None:
    python = "/opt/python/cp311-cp311"
    text = f'"{python}/include/python3.11;{python}/lib/python3.11/site-packages/numpy/_core/include"'
    assert messages.BAKED_PYTHON.sub("/py", messages.BAKED_NUMPY.sub("/np", text)) == '"/py;/np"'


def test_progress_without_a_terminal_is_plain_lines() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress, progress.stage("cp311", "install"):
        progress.say("a word")
    assert stream.getvalue() == "[cp311] install ...\na word\n[cp311] install: done in 0 s\n"


def test_the_installed_environment_finds_its_packages_without_sourcing() -> None:
    index = pytest.importorskip("ament_index_python")
    if not (Path(sys.prefix) / "stamps").exists():
        pytest.skip("not an environment made by tools/environment.py")
    assert index.get_package_prefix("hri_msgs") == sys.prefix


def test_demo_and_test_run_under_a_plain_shell(tmp_path: Path) -> None:
    for name in ("demo", "test", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK)
        subprocess.run(["sh", "-n", ROOT / name], check=True)
    nothing = {"PATH": str(tmp_path), "HOME": str(tmp_path), "FACEEDGE_PYTHON": str(tmp_path / "none")}
    finder = f". {ROOT}/tools/find_python.sh; echo $PYTHON"
    done = subprocess.run(["/bin/sh", "-c", finder], env=nothing, capture_output=True, text=True)
    # The system's own interpreter may still be found by its full path; otherwise one sentence says what is missing.
    assert done.stdout.strip() == "/usr/bin/python3" or "no CPython 3.11 or 3.12 was found" in done.stderr


def test_the_dds_profile_keeps_udp_beside_a_large_shared_memory() -> None:
    space = {"dds": "http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles"}
    root = ElementTree.parse(ROOT / "config" / "fastdds.xml").getroot()
    transports = {
        transport.findtext("dds:transport_id", "", space): transport
        for transport in root.iterfind(".//dds:transport_descriptor", space)
    }
    used = [element.text or "" for element in root.iterfind(".//dds:userTransports/dds:transport_id", space)]
    kinds = {transports[name].findtext("dds:type", "", space) for name in used}
    assert kinds == {"SHM", "UDPv4"}
    segment = next(t for t in transports.values() if t.findtext("dds:type", "", space) == "SHM")
    assert int(segment.findtext("dds:segment_size", "0", space)) >= 16 * 1024 * 1024
    assert int(segment.findtext("dds:maxMessageSize", "0", space)) > 1920 * 1080 * 3


PUBLISH = """
import array, time, rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("image_source")
publisher = node.create_publisher(Image, "picture", QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT))
end = time.monotonic() + 20
while publisher.get_subscription_count() == 0 and time.monotonic() < end:
    time.sleep(0.05)
message = Image(height=480, width=640, encoding="bgr8", step=1920, data=array.array("B", bytes(921600)))
while time.monotonic() < end and publisher.get_subscription_count():
    publisher.publish(message)
    time.sleep(0.05)
rclpy.try_shutdown()
"""

RECEIVE = """
import time, rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("image_sink")
sizes = []
node.create_subscription(
    Image, "picture", lambda message: sizes.append(len(message.data)),
    QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT))
end = time.monotonic() + 20
while len(sizes) < 20 and time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.2)
print(sizes)
rclpy.try_shutdown()
"""


@pytest.mark.graph
@pytest.mark.skipif(platform.system() != "Linux", reason="shared-memory transport is measured on Linux")
def test_best_effort_images_reach_another_process_under_the_profile(tmp_path: Path) -> None:
    pytest.importorskip("rclpy")
    variables = {
        **os.environ,
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(ROOT / "config" / "fastdds.xml"),
        "ROS_DOMAIN_ID": str(1 + os.getpid() % 100),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_LOG_DIR": str(tmp_path),
    }
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": variables}
    sink = subprocess.Popen([sys.executable, "-c", RECEIVE], **pipes)  # type: ignore[call-overload]
    source = subprocess.Popen([sys.executable, "-c", PUBLISH], **pipes)  # type: ignore[call-overload]
    try:
        received, complaints = sink.communicate(timeout=40)
        _, source_complaints = source.communicate(timeout=40)
    finally:
        for child in (sink, source):
            child.kill()
            child.wait()
    assert received.strip() == str([921600] * 20)
    assert (complaints, source_complaints) == ("", ""), "Fast DDS reads the profile without a word"
