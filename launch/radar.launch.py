"""Radar node.

ros2 launch faceedge radar.launch.py source:=iwr6843 chirp:=iwr6843_face.cfg
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterFile

from faceedge.nodes.process import PROFILE_VARIABLE, use_shipped_dds_profile
from launch import LaunchContext, LaunchDescription

SHARE = Path(get_package_share_directory("faceedge"))
# Arguments that replace a value of the parameter file where they are not empty.
OVERRIDES = {"source": str, "path": str, "chirp": str, "use_sim_time": bool, "autostart": bool}


def arguments() -> list[DeclareLaunchArgument]:
    """What this launch file can be told."""
    return [
        DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node."),
        DeclareLaunchArgument(
            "params_file",
            default_value=str(SHARE / "config" / "radar.yaml"),
            description="Parameter file with values under /** and /**/radar.",
        ),
        DeclareLaunchArgument(
            "autostart",
            default_value="true",
            description="Configure and activate the node by itself.",
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
            description="bgt60_bridge, bgt60_spi, ifxradarsdk, iwr6843, recording or topic; empty: as the file says.",
        ),
        DeclareLaunchArgument(
            "path",
            default_value="",
            description="Device, port, folder or topic of the source; empty: as the parameter file says.",
        ),
        DeclareLaunchArgument(
            "chirp",
            default_value="",
            description="Chirp file: a path, or a name in firmware_configs; empty: as the parameter file says.",
        ),
    ]


def node(context: LaunchContext) -> list[LifecycleNode]:
    """The radar node, with the arguments that were given on top of the parameter file."""
    given = {name: LaunchConfiguration(name).perform(context) for name in OVERRIDES}
    overrides = {
        name: value == "true" if OVERRIDES[name] is bool else value for name, value in given.items() if value != ""
    }
    return [
        LifecycleNode(
            package="faceedge",
            executable="radar_node",
            name="radar",
            namespace=LaunchConfiguration("namespace"),
            output="screen",
            emulate_tty=True,
            parameters=[ParameterFile(LaunchConfiguration("params_file"), allow_substs=True), overrides],
            arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
            respawn=LaunchConfiguration("use_respawn").perform(context) == "true",
            respawn_delay=2.0,
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Entry point of `ros2 launch`."""
    profile = use_shipped_dds_profile()
    environment = [SetEnvironmentVariable(PROFILE_VARIABLE, str(profile))] if profile else []
    return LaunchDescription([*environment, *arguments(), OpaqueFunction(function=node)])
