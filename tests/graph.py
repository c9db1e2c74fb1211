"""A real ROS graph for tests: nodes as processes of their own, a listener here, discovery kept to this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile

from faceedge.nodes.domain import free_domain
from faceedge.nodes.process import use_shipped_dds_profile

PATIENCE_S = 30.0
LOST_S = 5.0
"""An answer that is this late was lost: DDS may find the client's reader only after the server has answered."""
TRANSITIONS = {
    "configure": (Transition.TRANSITION_CONFIGURE, "inactive"),
    "activate": (Transition.TRANSITION_ACTIVATE, "active"),
    "deactivate": (Transition.TRANSITION_DEACTIVATE, "inactive"),
    "cleanup": (Transition.TRANSITION_CLEANUP, "unconfigured"),
    "shutdown unconfigured": (Transition.TRANSITION_UNCONFIGURED_SHUTDOWN, "finalized"),
    "shutdown inactive": (Transition.TRANSITION_INACTIVE_SHUTDOWN, "finalized"),
    "shutdown active": (Transition.TRANSITION_ACTIVE_SHUTDOWN, "finalized"),
}
RUN_NODE = "import sys; from faceedge.nodes.{module} import main; sys.exit(main())"


class Graph:
    """One ROS domain: child processes with nodes, and a listener node in this process.

    Use it in a ``with`` statement, in fixtures as well: a fixture that fails before its ``yield`` is not taken down.

    Args:
        folder: for logs and parameter files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._children: list[tuple[subprocess.Popen[bytes], Path]] = []
        domain = free_domain()
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        os.environ["ROS_LOG_DIR"] = str(folder)
        use_shipped_dds_profile()
        self._environment = {**os.environ, "ROS_DOMAIN_ID": str(domain)}
        self._context = Context()
        rclpy.init(args=[], context=self._context, domain_id=domain)
        self.node = Node("listener", context=self._context, enable_rosout=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.reports: dict[str, DiagnosticStatus] = {}
        self._clients: dict[tuple[str, type], Any] = {}
        self.collect("/diagnostics", DiagnosticArray, self._on_diagnostics)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.reports[status.name] = status

    # Processes.

    def start(self, module: str, parameters: dict[str, Any], *arguments: str) -> subprocess.Popen[bytes]:
        """Start `main()` of a module of faceedge.nodes with ``parameters`` (parameter file key -> name -> value)."""
        return self.start_python(RUN_NODE.format(module=module), parameters, *arguments)

    def start_python(self, code: str, parameters: dict[str, Any], *arguments: str) -> subprocess.Popen[bytes]:
        """Start a Python process that runs ``code`` with a parameter file on its command line."""
        number = len(self._children)
        path = self.folder / f"parameters_{number}.yaml"
        path.write_text(yaml.safe_dump({key: {"ros__parameters": values} for key, values in parameters.items()}))
        return self.start_process([sys.executable, "-c", code, "--ros-args", "--params-file", str(path), *arguments])

    def start_process(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start ``command`` in this domain; it is ended by :meth:`close` at the latest."""
        log = self.folder / f"output_{len(self._children)}.txt"
        with log.open("wb") as file:
            child = subprocess.Popen(
                command,
                env=self._environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                # A child of a shell's background job would inherit that SIGINT is ignored.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        self._children.append((child, log))
        return child

    def output(self, child: subprocess.Popen[bytes]) -> str:
        """What ``child`` has printed so far."""
        return next(log.read_text(errors="replace") for other, log in self._children if other is child)

    def stop(self, child: subprocess.Popen[bytes]) -> int:
        """Send SIGINT and wait; the exit code."""
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
        return child.wait(PATIENCE_S)

    def close(self) -> None:
        """End everything; a child that does not end on SIGINT is killed, and that is an error."""
        stubborn = []
        for child, _ in self._children:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        for child, log in self._children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                stubborn.append(log.read_text(errors="replace"))
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)
        assert not stubborn, f"these did not end on SIGINT: {stubborn}"

    # Listening.

    def spin(self, duration_s: float) -> None:
        """Handle messages for ``duration_s``."""
        end = time.monotonic() + duration_s
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.05)

    def wait_for(self, condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
        """Handle messages until ``condition()`` is true; fail with ``what`` and the children's output otherwise."""
        end = time.monotonic() + patience_s
        while not condition():
            dead = [child.returncode for child, _ in self._children if child.poll() not in (None, 0)]
            if time.monotonic() > end or dead:
                outputs = "\n".join(log.read_text(errors="replace")[-3000:] for _, log in self._children)
                raise AssertionError(f"waited in vain for {what}; ended children: {dead}\n{outputs}")
            self._executor.spin_once(timeout_sec=0.05)

    def collect(
        self, topic: str, kind: type, callback: Callable[[Any], None] | None = None, qos: QoSProfile | int = 10
    ) -> list[Any]:
        """Subscribe; the list that received messages are appended to."""
        received: list[Any] = []
        self.node.create_subscription(kind, topic, callback or received.append, qos)
        return received

    def publisher(self, topic: str, kind: type, qos: QoSProfile | int = 10) -> Any:
        """A publisher on ``topic`` with a first subscriber matched."""
        result = self.node.create_publisher(kind, topic, qos)
        self.wait_for(result.get_subscription_count, f"a subscriber of {topic}")
        return result

    def report(self, node: str) -> DiagnosticStatus | None:
        """The newest diagnostics of the node with this name (with its namespace, without the first slash)."""
        return self.reports.get(f"{node}: status")

    def wait_for_report(self, node: str, condition: Callable[[DiagnosticStatus], bool], what: str) -> DiagnosticStatus:
        """A report of ``node``, published from now on, for which ``condition`` holds."""
        self.reports.pop(f"{node}: status", None)

        def holds() -> bool:
            status = self.report(node)
            return status is not None and condition(status)

        self.wait_for(holds, f"diagnostics of {node}: {what}")
        status = self.report(node)
        assert status is not None
        return status

    # Lifecycle and parameters.

    def set_parameter(self, node: str, name: str, value: Any) -> SetParametersResult:
        """Set one parameter of a node, such as /camera."""
        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        return self.call(f"{node}/set_parameters", SetParameters, request).results[0]

    def call(self, service: str, kind: type, request: Any, tries: int = 4) -> Any:
        """Call a service, again if the answer is lost, and return the response; None if all answers were lost."""
        client = self._clients.get((service, kind))
        if client is None:
            client = self._clients[service, kind] = self.node.create_client(kind, service)
        self.wait_for(client.service_is_ready, f"the service {service}")
        for _ in range(tries):
            future = client.call_async(request)
            end = time.monotonic() + LOST_S

            def is_over(future: Any = future, end: float = end) -> bool:
                return future.done() or time.monotonic() > end

            self.wait_for(is_over, f"an answer of {service}")
            if future.done():
                return future.result()
        return None

    def state_of(self, node: str) -> str:
        """The state of a lifecycle node, such as /camera."""
        return str(self.call(f"{node}/get_state", GetState, GetState.Request()).current_state.label)

    def change(self, node: str, transition: str) -> bool:
        """Ask for a transition of ``TRANSITIONS``; whether it succeeded."""
        number, goal = TRANSITIONS[transition]
        request = ChangeState.Request(transition=Transition(id=number))
        response = self.call(f"{node}/change_state", ChangeState, request, tries=1)
        return self.state_of(node) == goal if response is None else bool(response.success)


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    """The figures of a diagnostics line by name."""
    return {value.key: value.value for value in status.values}
