"""Radar, authentication and expression in one process, which hands accepted frames over in memory.

ros2 launch faceedge authentication.launch.py person:=ada allow_templates:=true
ros2 launch faceedge authentication.launch.py with_radar:=false    # the radar node runs elsewhere
"""

import sys
import tempfile
from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from faceedge.nodes.process import PROFILE_VARIABLE, use_shipped_dds_profile
from launch import LaunchContext, LaunchDescription

SHARE = Path(get_package_share_directory("faceedge"))
# Arguments that replace a value of the parameter file where they are not empty, by the node they are for.
OVERRIDES = {
    "/**": ("autostart", "use_sim_time"),
    "/**/radar": ("source", "path"),
    "/**/authentication": ("person", "allow_templates", "allow_verify_other"),
    "/**/radar_expression": ("allow_expression",),
}


def arguments() -> list[DeclareLaunchArgument]:
    """What this launch file can be told."""
    return [
        DeclareLaunchArgument("namespace", default_value="", description="Namespace; /humans stays global."),
        DeclareLaunchArgument(
            "params_file",
            default_value=str(SHARE / "config" / "authentication.yaml"),
            description="Parameter file with values under /**, /**/radar, /**/authentication, /**/radar_expression.",
        ),
        DeclareLaunchArgument(
            "with_radar",
            default_value="true",
            description="Start the radar node in the same process; false: it runs elsewhere.",
            choices=["true", "false"],
        ),
        DeclareLaunchArgument(
            "autostart",
            default_value="true",
            description="Configure and activate the nodes by themselves.",
            choices=["true", "false"],
        ),
        DeclareLaunchArgument(
            "use_respawn",
            default_value="false",
            description="Start the process again if it ends.",
            choices=["true", "false"],
        ),
        DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn, error or fatal."),
        DeclareLaunchArgument(
            "use_sim_time", default_value="false", description="Take the time from /clock.", choices=["true", "false"]
        ),
        DeclareLaunchArgument(
            "source",
            default_value="",
            description="bgt60_bridge, bgt60_spi, ifxradarsdk, recording or topic; empty: as the file says.",
        ),
        DeclareLaunchArgument(
            "path",
            default_value="",
            description="Device, port, folder or topic of the radar; empty: as the parameter file says.",
        ),
        DeclareLaunchArgument(
            "person",
            default_value="",
            description="Who is claimed to be there; empty: as the parameter file says.",
        ),
        DeclareLaunchArgument(
            "allow_templates",
            default_value="",
            description="Read and write protected templates (biometric data); empty: as the parameter file says.",
            choices=["", "true", "false"],
        ),
        DeclareLaunchArgument(
            "allow_verify_other",
            default_value="",
            description="Accept verifications by other means; empty: as the parameter file says.",
            choices=["", "true", "false"],
        ),
        DeclareLaunchArgument(
            "allow_expression",
            default_value="",
            description="Publish expressions (regulated, see docs); empty: as the parameter file says.",
            choices=["", "true", "false"],
        ),
    ]


def override_file(context: LaunchContext) -> str:
    """A parameter file with the arguments given: `-p` on a command line cannot name a node in a namespace."""
    content: dict[str, dict[str, dict[str, object]]] = {}
    for key, names in OVERRIDES.items():
        values = {name: LaunchConfiguration(name).perform(context) for name in names}
        given = {name: {"true": True, "false": False}.get(value, value) for name, value in values.items() if value}
        if given:
            content[key] = {"ros__parameters": given}
    with tempfile.NamedTemporaryFile("w", prefix="faceedge_", suffix=".yaml", delete=False) as file:
        yaml.safe_dump(content, file)
    return file.name


def process(context: LaunchContext) -> list[Node]:
    """All nodes in one process: the expression node takes frames in memory only."""
    nodes = ["authentication", "radar_expression"]
    if LaunchConfiguration("with_radar").perform(context) == "true":
        nodes.insert(0, "radar")
    return [
        Node(
            executable=sys.executable,
            arguments=[
                "-m",
                "faceedge.nodes.runner",
                *nodes,
                "--ros-args",
                "--log-level",
                LaunchConfiguration("log_level"),
                "--params-file",
                LaunchConfiguration("params_file"),
                "--params-file",
                override_file(context),
            ],
            namespace=LaunchConfiguration("namespace"),
            output="screen",
            emulate_tty=True,
            respawn=LaunchConfiguration("use_respawn").perform(context) == "true",
            respawn_delay=2.0,
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Entry point of `ros2 launch`."""
    profile = use_shipped_dds_profile()
    environment = [SetEnvironmentVariable(PROFILE_VARIABLE, str(profile))] if profile else []
    return LaunchDescription([*environment, *arguments(), OpaqueFunction(function=process)])
