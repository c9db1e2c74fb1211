"""Moves lifecycle nodes through their states from another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import rclpy.node
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from faceedge.errors import DeviceError

POLL_S = 0.05
LOST_S = 4.0
"""An answer that is this late was lost: DDS may find the client only after the server has answered."""
TRANSITIONS = {
    "configure": (Transition.TRANSITION_CONFIGURE, "inactive"),
    "activate": (Transition.TRANSITION_ACTIVATE, "active"),
    "deactivate": (Transition.TRANSITION_DEACTIVATE, "inactive"),
    "cleanup": (Transition.TRANSITION_CLEANUP, "unconfigured"),
}


class LifecycleClient:
    """Asks for transitions and states, and waits for the answers.

    Args:
        node: that somebody else spins in another thread.
        failed: whether that thread has ended, so that no answer can come.
    """

    def __init__(self, node: rclpy.node.Node, failed: Callable[[], bool] = lambda: False) -> None:
        self._node, self._failed = node, failed
        self._clients: dict[str, Any] = {}

    def transition(self, node: str, name: str, timeout_s: float, alive: Callable[[], None] = lambda: None) -> None:
        """Move ``node`` through a transition and wait for its end.

        Args:
            node: full name.
            name: a key of ``TRANSITIONS``.
            timeout_s: for the node to appear and to get there.
            alive: called while waiting; may raise to give up.

        Raises:
            DeviceError: no answer in time, or the node refused.
        """
        number, target = TRANSITIONS[name]
        request = ChangeState.Request()
        request.transition.id = number
        deadline = time.monotonic() + timeout_s
        while True:
            response = self._call(ChangeState, f"{node}/change_state", request, deadline, alive)
            if response is not None and response.success:
                return
            # An answer may be lost, and a second request then fails because the first one did its work.
            state = self._state(node, deadline, alive)
            if state == target:
                return
            if response is not None and state:
                raise DeviceError(f"the node {node} refused to {name} and is {state}; its log says why.")
            self._check_time(deadline, f"no answer from {node} to {name} within {timeout_s:g} s.")

    def set_parameter(
        self, node: str, name: str, value: Any, timeout_s: float, alive: Callable[[], None] = lambda: None
    ) -> None:
        """Set one parameter of ``node``.

        Args:
            node: full name.
            name, value: of the parameter.
            timeout_s, alive: as of ``transition``.

        Raises:
            DeviceError: no answer in time, or the node refused.
        """
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        deadline = time.monotonic() + timeout_s
        while True:
            response = self._call(SetParameters, f"{node}/set_parameters", request, deadline, alive)
            if response is not None:
                if not response.results[0].successful:
                    raise DeviceError(f"the node {node} refused {name}: {response.results[0].reason}.")
                return
            self._check_time(deadline, f"no answer from {node} to {name} within {timeout_s:g} s.")

    def trigger(self, service: str, timeout_s: float, alive: Callable[[], None] = lambda: None) -> tuple[bool, str]:
        """Call a std_srvs/Trigger; whether it did what it does, and its words.

        Raises:
            DeviceError: no answer in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            response = self._call(Trigger, service, Trigger.Request(), deadline, alive)
            if response is not None:
                return bool(response.success), str(response.message)
            self._check_time(deadline, f"no answer of {service} within {timeout_s:g} s.")

    def wait_for_state(self, node: str, state: str, timeout_s: float, alive: Callable[[], None] = lambda: None) -> None:
        """Wait until ``node`` is in lifecycle ``state`` (active, ...); raises DeviceError when it is not in time."""
        deadline = time.monotonic() + timeout_s
        while (current := self._state(node, deadline, alive)) != state:
            self._check_time(
                deadline, f"the node {node} is {current or 'not there'} after {timeout_s:g} s, expected {state}."
            )
            time.sleep(POLL_S)

    def _state(self, node: str, deadline: float, alive: Callable[[], None]) -> str:
        response = self._call(GetState, f"{node}/get_state", GetState.Request(), deadline, alive)
        return "" if response is None else str(response.current_state.label)

    def _check_time(self, deadline: float, sentence: str) -> None:
        if time.monotonic() > deadline or self._failed():
            raise DeviceError(sentence)

    def _call(self, kind: Any, service: str, request: Any, deadline: float, alive: Callable[[], None]) -> Any:
        """The answer of a service; None when it is lost, or not there before ``deadline``."""
        client = self._clients.get(service)
        if client is None:
            client = self._clients[service] = self._node.create_client(kind, service)
        future, asked_at = None, 0.0
        while time.monotonic() < deadline and not self._failed():
            alive()
            if future is None and client.service_is_ready():
                time.sleep(POLL_S)  # the other side may need a moment more to see this client
                future, asked_at = client.call_async(request), time.monotonic()
            if future is not None and future.done():
                return future.result()
            if future is not None and time.monotonic() - asked_at > LOST_S:
                return None
            time.sleep(POLL_S)
        return None
