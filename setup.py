"""Builds and installs faceedge, for pip and for colcon (ament_python) alike."""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

NAME = "faceedge"
ROOT = Path(__file__).parent


def files(folder: str, *patterns: str) -> list[tuple[str, list[str]]]:
    """Return the data_files entries that install `folder`, with its sub-folders, under share/faceedge."""
    found: dict[str, list[str]] = {}
    for pattern in patterns:
        for path in sorted((ROOT / folder).rglob(pattern)):
            if path.is_file():
                relative = path.relative_to(ROOT)
                found.setdefault(f"share/{NAME}/{relative.parent.as_posix()}", []).append(relative.as_posix())
    return sorted(found.items())


setup(
    name=NAME,
    version="0.1.0",
    description="Faces, expressions and their sensors on ROS 2 topics, on small computers at the edge.",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    author="The faceedge authors",
    maintainer="The faceedge authors",
    maintainer_email="faceedge@users.noreply.github.com",
    license="Apache-2.0",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["py.typed", "**/*.html", "**/*.j2", "simulation/person/assets/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml", "LICENSE"]),
        *files("launch", "*.launch.py"),
        *files("models", "*.tflite", "*.npz", "*.yaml", "*.md", "LICENSE*"),
        *files("demo_data", "*.json", "*.npz", "*.avi", "*.xz", "*.yaml"),
        *files("config", "*.yaml", "*.xml", "*.rules"),
        *files("firmware_configs", "*.cfg", "*.json", "*.yaml", "*.py", "*.md"),
    ],
    zip_safe=False,
    python_requires=">=3.11,<3.13",
    install_requires=[
        "setuptools",  # entry points of an ament_python package
        "numpy>=1.26",  # every image, landmark and model output is an array
        "opencv-python-headless>=4.6",  # decoding, resizing, warping; video files and V4L2
        "scipy>=1.11",  # the assignment of detections to tracks
        "PyYAML>=6.0",  # model cards, camera calibrations, parameter files
        "rich>=13",  # the live view of the terminal and its tables
        "Jinja2>=3.1",  # the HTML summary of the demonstration
        "MarkupSafe>=2.1",  # the parts of that page that are already HTML
        "pyserial>=3.5",  # serial ports of radars: the bridge of the BGT60TR13C, both ports of the IWR6843
        "matplotlib>=3.5",  # the pictures with axes that `faceedge view` saves
        "pillow>=9.1",  # fewer colours for those pictures, which makes them smaller; matplotlib needs it, too
        "mcap>=1.2",  # the container of recorded topics
        "rosbags>=0.11",  # writes and reads recordings without a ROS distribution
        "cryptography>=41",  # AES-GCM of the templates at rest; Python's own library has no cipher
        # The interpreter of the models; tflite-runtime 2.14 serves where it is installed (CPython 3.11, NumPy 1).
        'ai-edge-litert>=2.0; platform_system == "Linux"',
    ],
    extras_require={
        # ROS 2 as wheels on x86-64; on a robot rclpy comes from the distribution. The message packages of interfaces/
        # are built by ./demo and ./test.
        "ros": [
            "ros-rclpy==7.1.6",
            "ros-rmw-fastrtps-cpp==8.4.3",
            "ros-sensor-msgs==5.3.6",
            "ros-diagnostic-msgs==5.3.6",
            "ros-std-srvs==5.3.6",
        ],
        # The demonstration's picture of a face, in the public domain.
        "demo": ["scikit-image>=0.25"],
        # `faceedge simulate` and `faceedge emulate person`. All three have wheels for x86-64 and aarch64 (manylinux).
        "sim": [
            "numba>=0.61",  # compiled kernels: rasteriser, pixels of the event camera, facets of the radar
            "joblib>=1.4",  # sessions on several cores; on a Dask or Ray cluster through its backends
            "faery>=0.7",  # event files (EVT3, AEDAT4) that other tools read
        ],
        # Event cameras: decoding and representations at full rate, files of other formats. Wheels as above.
        "events": ["numba>=0.61", "faery>=0.7"],
        # `faceedge simulate --backend dask`: the sessions on a cluster.
        "cluster": ["distributed>=2024.1"],
        # `faceedge train`: the network, its conversion to TFLite and the quantisation to int8.
        "train": ["torch==2.13.*", "snntorch>=0.9", "litert-torch==0.10.*", "ai-edge-quantizer==0.10.*"],
        # The Raspberry Pi camera. On Raspberry Pi OS take python3-picamera2 from apt, which fits its libcamera.
        "pi": ["picamera2>=0.3.18"],
        # A BGT60TR13C on a Pi's own pins: SPI, and the lines for reset and interrupt.
        "spi": ["spidev>=3.6", "gpiod>=2.1"],
        # pytest < 9: launch_testing of Jazzy does not accept a newer one.
        "test": ["pytest<9", "hypothesis>=6", "ruff", "mypy", "types-PyYAML", "import-linter>=2"],
    },
    entry_points={
        "console_scripts": [
            "faceedge = faceedge.cli.main:main",
            "camera_node = faceedge.nodes.camera_node:main",
            "face_node = faceedge.nodes.face_node:main",
            "radar_node = faceedge.nodes.radar_node:main",
            "event_node = faceedge.nodes.event_node:main",
            "authentication_node = faceedge.nodes.authentication_node:main",
            "radar_expression_node = faceedge.nodes.radar_expression_node:main",
        ],
    },
)
