"""What a process needs around its nodes: the DDS profile, ROS, signals, one executor, and a clean end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from faceedge.errors import FaceedgeError, one_line
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.shipped import shipped_file

PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
# Fast DDS also takes its profile from these; a user who sets one of them wants their own.
USERS_OWN = (PROFILE_VARIABLE, "FASTDDS_DEFAULT_PROFILES_FILE")
PROFILE = "fastdds.xml"
# Parameters of glibc's mallopt(3), and the largest value that the first one takes (32 MiB).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT_BYTES = 32 << 20
LONGEST_WAIT_S = 0.2
"""A signal is seen at the latest after this time: ROS waits in C++, where Python handles no signal."""


def use_shipped_dds_profile() -> Path | None:
    """Give Fast DDS shared memory that is large enough for images, unless the user has a profile; before `rclpy.init`.

    Returns:
        The profile that is in force, or None where none was found.
    """
    for variable in USERS_OWN:
        if os.environ.get(variable):
            return Path(os.environ[variable])
    profile = shipped_file("config", PROFILE)
    if profile is not None:
        os.environ[PROFILE_VARIABLE] = str(profile)
    return profile


def keep_large_buffers() -> None:
    """Let the allocator keep the memory of images instead of giving it back to the kernel after each one.

    By default glibc maps every block above 128 KB anew, and touching the fresh pages of a 921 KB image takes longer
    than copying it: 2 to 6 % of the whole way from picture to topic between two processes. Does nothing where the C
    library has no ``mallopt``.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, LARGEST_KEPT_BYTES)


@contextlib.contextmanager
def passing_node(name: str) -> Iterator[tuple[Node, SingleThreadedExecutor]]:
    """A node of a command that comes and goes, in a context of its own, and the executor that spins it."""
    use_shipped_dds_profile()
    keep_large_buffers()
    context = Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node(name, context=context, enable_rosout=False, start_parameter_services=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        yield node, executor
    finally:
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()


def stop_on_signals(stop: threading.Event) -> None:
    """The first SIGINT or SIGTERM asks for a clean end; the second one ends the process as usual."""
    if threading.current_thread() is not threading.main_thread():
        return

    def handler(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)


@contextlib.contextmanager
def stop_event() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set while the body runs; afterwards they do what they did before."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stop_on_signals(stop)
    try:
        yield stop
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def run_nodes(
    factories: Sequence[Callable[[], ManagedNode]], args: list[str] | None = None, stop: threading.Event | None = None
) -> int:
    """Run nodes in this process until a signal, ``stop``, or a shutdown of the context ends it.

    Handlers of our own rather than rclpy's, because those end the context first, and a face node then could no longer
    say that its faces are gone.

    Args:
        factories: each makes one node; started in this order, ended in the reverse one.
        args: command line with `--ros-args`; None for that of the process.
        stop: for callers that run the nodes in a thread.

    Returns:
        Exit code: 0, or 1 with a sentence on stderr where the command line or parameter file cannot be read.
    """
    use_shipped_dds_profile()
    keep_large_buffers()
    stop = stop or threading.Event()
    stop_on_signals(stop)
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # an unreadable parameter file or unknown ROS argument; rclpy has several types for it
        print(f"faceedge cannot start: {one_line(error)}", file=sys.stderr)
        return 1
    nodes: list[ManagedNode] = []
    executor = SingleThreadedExecutor()
    try:
        for make in factories:
            nodes.append(make())
            executor.add_node(nodes[-1])
        for node in nodes:
            node.start()
        while rclpy.ok() and not stop.is_set():
            executor.spin_once(timeout_sec=LONGEST_WAIT_S)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except FaceedgeError as error:
        print(f"faceedge cannot start: {error}", file=sys.stderr)
        return 1
    finally:
        for node in reversed(nodes):
            executor.remove_node(node)
            node.finish()
        executor.shutdown()
        rclpy.try_shutdown()
    return 0
