"""Camera and faces: in one process, which hands frames over in memory, or in two.

ros2 launch faceedge camera_faces.launch.py source:=video path:=clip.mp4
ros2 launch faceedge camera_faces.launch.py one_process:=false use_respawn:=true
"""

import sys
import tempfile
from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch.action import Action
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, SetEnvironmentVariable
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from faceedge.nodes.process import PROFILE_VARIABLE, use_shipped_dds_profile
from launch import LaunchContext, LaunchDescription

SHARE = Path(get_package_share_directory("faceedge"))
COMMON = ("namespace", "params_file", "autostart", "use_respawn", "log_level", "use_sim_time")
# Arguments that replace a value of the parameter file where they are not empty, by the node they are for.
OVERRIDES = {
    "/**": ("autostart", "use_sim_time"),
    "/**/camera": ("source", "path"),
    "/**/faces": ("transport", "expression"),
}


def arguments() -> list[DeclareLaunchArgument]:
    """What this launch file can be told."""
    return [
        DeclareLaunchArgument("namespace", default_value="", description="Namespace; /humans stays global."),
        DeclareLaunchArgument(
            "params_file",
            default_value=str(SHARE / "config" / "camera_faces.yaml"),
            description="Parameter file with values under /**, /**/camera and /**/faces.",
        ),
        DeclareLaunchArgument(
            "one_process",
            default_value="true",
            description="Both nodes in one process, sharing frames in memory; false: two processes.",
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
            description="Start a process again if it ends.",
            choices=["true", "false"],
        ),
        DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn, error or fatal."),
        DeclareLaunchArgument(
            "use_sim_time", default_value="false", description="Take the time from /clock.", choices=["true", "false"]
        ),
        DeclareLaunchArgument(
            "source",
            default_value="",
            description="v4l2, picamera2, video, images or topic; empty: as the parameter file says.",
        ),
        DeclareLaunchArgument(
            "path",
            default_value="",
            description="Device, file, folder or topic of the source; empty: as the parameter file says.",
        ),
        DeclareLaunchArgument(
            "transport",
            default_value="",
            description="auto, shared, raw or compressed; empty: as the parameter file says.",
            choices=["", "auto", "shared", "raw", "compressed"],
        ),
        DeclareLaunchArgument(
            "expression",
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


def one_process(context: LaunchContext) -> Node:
    """Both nodes in one process."""
    return Node(
        executable=sys.executable,
        arguments=[
            "-m",
            "faceedge.nodes.runner",
            "camera",
            "faces",
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


def two_processes() -> list[IncludeLaunchDescription]:
    """Each node by its own launch file."""
    own = {"camera": ("source", "path"), "faces": ("transport", "expression")}
    return [
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(str(SHARE / "launch" / f"{name}.launch.py")),
            launch_arguments=[(key, LaunchConfiguration(key)) for key in (*COMMON, *keys)],
        )
        for name, keys in own.items()
    ]


def nodes(context: LaunchContext) -> list[Action]:
    """What `one_process` asks for."""
    if LaunchConfiguration("one_process").perform(context) == "true":
        return [one_process(context)]
    return list(two_processes())


def generate_launch_description() -> LaunchDescription:
    """Entry point of `ros2 launch`."""
    profile = use_shipped_dds_profile()
    environment = [SetEnvironmentVariable(PROFILE_VARIABLE, str(profile))] if profile else []
    return LaunchDescription([*environment, *arguments(), OpaqueFunction(function=nodes)])
