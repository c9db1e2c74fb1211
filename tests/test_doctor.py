"""The doctor on machines that are laid out in a folder."""

from __future__ import annotations

import io
import json
import os
from argparse import Namespace
from pathlib import Path

import pytest

from faceedge.cli import doctor
from faceedge.cli.check_devices import check_cameras, check_radar_libraries, check_serial, check_spi, check_usb
from faceedge.cli.check_system import check_computer, check_inference, check_ros
from faceedge.cli.machine import FAIL, NONE, OK, WARN, Finding, Machine

MESSAGES = ("std_msgs", "sensor_msgs", "geometry_msgs", "diagnostic_msgs", "hri_msgs", "tf2_msgs", "event_camera_msgs")
ROS = {name: Path(f"/opt/ros/jazzy/lib/python3.12/site-packages/{name}") for name in ("rclpy", *MESSAGES)}


def lay_out(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def machine(root: Path, **changes: object) -> Machine:
    values: dict[str, object] = {
        "root": root,
        "environ": {},
        "python": (3, 12, 3),
        "packages": {},
        "prefix": root / "env",
    }
    return Machine(**(values | changes))  # type: ignore[arg-type]


def by_name(findings: object) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}  # type: ignore[attr-defined]


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without rights; tests often run as root, whom every device lets in."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)


# --- computer ---------------------------------------------------------------------------------------------------------


def test_a_raspberry_pi_is_recognised_with_its_temperature_and_governor(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "/etc/os-release": 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n',
            "/proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
            "/sys/class/thermal/thermal_zone0/temp": "83500\n",
            "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
            "/dev/shm/x": "",
        },
    )
    found = by_name(check_computer(machine(tmp_path, architecture="aarch64")))
    assert found["system"].detail == "Ubuntu 24.04.1 LTS, aarch64, Raspberry Pi 5 Model B Rev 1.0"
    assert (found["temperature"].status, found["temperature"].detail) == (WARN, "84 °C: the CPU slows down")
    assert found["CPU governor"].status == WARN
    assert "scaling_governor" in found["CPU governor"].remedy


def test_an_empty_machine_is_examined_without_a_crash(tmp_path: Path) -> None:
    found = by_name(check_computer(machine(tmp_path)))
    assert found["system"].status == OK
    assert found["shared memory"].status == WARN


@pytest.mark.parametrize(
    ("version", "status"), [((3, 10, 1), FAIL), ((3, 11, 2), OK), ((3, 12, 3), OK), ((3, 14, 0), WARN)]
)
def test_python_is_judged_by_what_is_tested(tmp_path: Path, version: tuple[int, int, int], status: str) -> None:
    assert by_name(check_computer(machine(tmp_path, python=version)))["Python"].status == status


# --- ROS --------------------------------------------------------------------------------------------------------------


def test_without_ros_everything_essential_fails_with_a_remedy(tmp_path: Path) -> None:
    found = by_name(check_ros(machine(tmp_path)))
    for name in ("rclpy", "middleware", "sensor_msgs", "hri_msgs", "tf2_msgs"):
        assert found[name].status == FAIL
        assert found[name].remedy
    assert found["event_camera_msgs"].status == NONE


def test_a_distribution_is_told_from_wheels_and_messages_say_where_they_come_from(tmp_path: Path) -> None:
    env = tmp_path / "env"
    packages = ROS | {"hri_msgs": env / "lib/python3.12/site-packages/hri_msgs"}
    hashed = {"type_hashes": [{"type_name": "hri_msgs/msg/Expression", "hash_string": "RIHS01_0123456789abcdef"}]}
    lay_out(env, {"share/hri_msgs/msg/Expression.json": json.dumps(hashed), "lib/librmw_fastrtps_cpp.so": ""})
    found = by_name(check_ros(machine(tmp_path, packages=packages)))
    assert found["rclpy"].detail.startswith("distribution jazzy")
    assert found["middleware"].detail == "rmw_fastrtps_cpp (default)"
    assert found["sensor_msgs"].detail == "distribution"
    assert found["hri_msgs"].detail == "built from interfaces/, Expression RIHS01_01234567"


def test_wrong_ros_variables_are_named(tmp_path: Path) -> None:
    environ = {
        "ROS_DOMAIN_ID": "300",
        "RMW_IMPLEMENTATION": "rmw_dream_cpp",
        "FASTRTPS_DEFAULT_PROFILES_FILE": "/nowhere.xml",
    }
    found = by_name(check_ros(machine(tmp_path, packages=ROS, environ=environ)))
    assert (found["domain"].status, found["middleware"].status, found["DDS profile"].status) == (FAIL, FAIL, WARN)
    assert "unset RMW_IMPLEMENTATION" in found["middleware"].remedy
    assert "/nowhere.xml" in found["DDS profile"].detail


# --- inference --------------------------------------------------------------------------------------------------------


def write_model(folder: Path, name: str, sha256: str) -> None:
    (folder / f"{name}.tflite").write_bytes(b"abc")
    (folder / f"{name}.yaml").write_text(f"name: {name}\nfile: {name}.tflite\nsha256: '{sha256}'\ntask: test\n")


def test_models_are_checked_against_their_cards(tmp_path: Path) -> None:
    good = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of b"abc", FIPS 180-2
    write_model(tmp_path, "face_detection_near", good)
    write_model(tmp_path, "face_detection_far", "0" * 64)
    packages = {"ai_edge_litert": tmp_path}
    found = by_name(check_inference(machine(tmp_path, packages=packages), tmp_path))
    assert found["runtime"].status == OK
    assert found["face_detection_near"].status == OK
    assert found["face_detection_far"].status == FAIL
    assert good in found["face_detection_far"].detail
    assert "0" * 64 in found["face_detection_far"].detail
    assert found["face_landmarks"].status == FAIL
    assert found["expression"].status == WARN


def test_without_a_runtime_the_remedy_is_one_command(tmp_path: Path) -> None:
    finding = by_name(check_inference(machine(tmp_path), tmp_path))["runtime"]
    assert (finding.status, finding.remedy) == (FAIL, "pip install ai-edge-litert")


# --- devices ----------------------------------------------------------------------------------------------------------


def test_a_camera_is_named_with_its_stable_id_and_its_metadata_node_is_left_out(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "/dev/video0": "",
            "/dev/video1": "",
            "/dev/video10": "",
            "/sys/class/video4linux/video0/name": "HD Pro Webcam C920\n",
            "/sys/class/video4linux/video0/index": "0\n",
            "/sys/class/video4linux/video1/name": "HD Pro Webcam C920\n",
            "/sys/class/video4linux/video1/index": "1\n",
            "/sys/class/video4linux/video10/name": "bcm2835-codec-decode\n",
        },
    )
    by_id = tmp_path / "dev/v4l/by-id"
    by_id.mkdir(parents=True)
    (by_id / "usb-046d_C920-video-index0").symlink_to("../../video0")
    found = by_name(check_cameras(machine(tmp_path)))
    assert [name for name in found if name.startswith("/dev")] == ["/dev/video0"]
    assert found["/dev/video0"].status == OK
    assert found["/dev/video0"].detail == "HD Pro Webcam C920, stable id usb-046d_C920-video-index0"


@pytest.mark.usefixtures("nobody")
def test_a_device_that_may_not_be_opened_says_which_group_is_needed(tmp_path: Path) -> None:
    lay_out(tmp_path, {"/dev/video0": "", "/dev/ttyUSB0": "", "/dev/spidev0.1": ""})
    os.chown(tmp_path / "dev/video0", -1, os.getgid())
    findings = [*check_cameras(machine(tmp_path)), *check_serial(machine(tmp_path)), *check_spi(machine(tmp_path))]
    found = by_name(findings)
    for name in ("/dev/video0", "/dev/ttyUSB0", "/dev/spidev0.1"):
        assert found[name].status == WARN
        assert "sudo usermod -aG" in found[name].remedy
    assert found["/dev/spidev0.1"].detail.startswith("bus 0, chip select 1")


def test_a_microcontroller_is_recognised_as_a_bridge_of_a_radar(tmp_path: Path) -> None:
    lay_out(tmp_path, {"/dev/ttyACM3": "", "/dev/serial/by-id/.keep": ""})
    link = tmp_path / "dev/serial/by-id/usb-MicroPython_Board_in_FS_mode_e6614103e7452831-if00"
    link.symlink_to("../../ttyACM3")
    assert "bridge of a BGT60TR13C" in by_name(check_serial(machine(tmp_path)))["/dev/ttyACM3"].detail


def test_a_library_that_a_radar_needs_is_missed_where_its_port_is_there(tmp_path: Path) -> None:
    found = by_name(check_radar_libraries(machine(tmp_path)))
    assert [found[name].status for name in ("pyserial", "spidev", "gpiod")] == [NONE] * 3
    lay_out(tmp_path, {"/dev/ttyACM0": "", "/dev/spidev0.0": ""})
    packages = {"serial": Path("/usr/lib/python3/dist-packages/serial")}
    found = by_name(check_radar_libraries(machine(tmp_path, packages=packages)))
    assert (found["pyserial"].status, found["pyserial"].detail) == (OK, "installed in /usr/lib/python3/dist-packages")
    assert (found["spidev"].status, found["gpiod"].status) == (WARN, WARN)
    assert "python3-libgpiod" in found["gpiod"].remedy


def test_a_radar_board_is_recognised_by_its_serial_name(tmp_path: Path) -> None:
    lay_out(tmp_path, {"/dev/ttyACM0": "", "/dev/serial/by-id/.keep": ""})
    link = tmp_path / "dev/serial/by-id/usb-Texas_Instruments_XDS110__03.00.00.05__R0081038-if00"
    link.symlink_to("../../ttyACM0")
    assert "IWR6843" in by_name(check_serial(machine(tmp_path)))["/dev/ttyACM0"].detail


def usb_device(root: Path, vendor: str, product: str, speed: str = "5000") -> None:
    base = "/sys/bus/usb/devices/2-1"
    lay_out(
        root, {f"{base}/{k}": v + "\n" for k, v in {"idVendor": vendor, "idProduct": product, "busnum": "2"}.items()}
    )
    lay_out(root, {f"{base}/devnum": "7\n", f"{base}/speed": f"{speed}\n", "/dev/bus/usb/002/007": ""})


@pytest.mark.parametrize(("vendor", "product"), [("04b4", "00f5"), ("152a", "841a")])
def test_an_event_camera_is_recognised_by_its_numbers(tmp_path: Path, vendor: str, product: str) -> None:
    usb_device(tmp_path, vendor, product)
    assert by_name(check_usb(machine(tmp_path)))["/dev/bus/usb/002/007"].status == OK


def test_other_devices_of_the_same_vendor_are_not_event_cameras(tmp_path: Path) -> None:
    usb_device(tmp_path, "152a", "8750")  # a headphone amplifier
    assert list(by_name(check_usb(machine(tmp_path)))) == ["/sys/bus/usb"]


@pytest.mark.usefixtures("nobody")
def test_an_event_camera_on_a_slow_port_without_a_udev_rule_gets_both_remedies(tmp_path: Path) -> None:
    usb_device(tmp_path, "152a", "8419", speed="480")
    found = by_name(check_usb(machine(tmp_path)))
    assert 'ATTR{idVendor}=="152a"' in found["/dev/bus/usb/002/007"].remedy
    assert found["/dev/bus/usb/002/007 speed"].remedy == "use a USB 3 port and cable"


# --- report -----------------------------------------------------------------------------------------------------------


def test_the_exit_code_is_1_only_when_something_essential_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for status, code in ((OK, 0), (WARN, 0), (NONE, 0), (FAIL, 1)):
        monkeypatch.setattr(doctor, "examine", lambda _, s=status: iter([Finding("G", "n", s, "d", "r")]))
        assert doctor.main(Namespace(json=False), machine(tmp_path), io.StringIO()) == code


def test_the_report_is_json_for_machines(tmp_path: Path) -> None:
    out = io.StringIO()
    code = doctor.main(Namespace(json=True), machine(tmp_path), out)
    entries = json.loads(out.getvalue())
    assert code == 1
    assert {"group", "name", "status", "detail", "remedy"} == set(entries[0])
    assert {entry["status"] for entry in entries} <= {OK, WARN, FAIL, NONE}


def test_the_report_shows_each_remedy_under_its_line(tmp_path: Path) -> None:
    out = io.StringIO()
    doctor.main(Namespace(json=False), machine(tmp_path), out)
    text = out.getvalue()
    assert "→ pip install ai-edge-litert" in text
    assert "faceedge cannot work here" in text
