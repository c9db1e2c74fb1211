"""The base of every node: a lifecycle node whose transitions are undone completely and fail with one sentence.

A node that derives from :class:`ManagedNode` fills in five methods and calls no rclpy method for its states:

| Method | When | What belongs there |
| --- | --- | --- |
| ``configure(values)`` | unconfigured -> inactive | models, publishers, everything that needs parameters |
| ``activate()`` | inactive -> active | devices, subscriptions, threads |
| ``deactivate()`` | active -> inactive, also after a failed ``activate`` | undo ``activate``; may be called twice |
| ``cleanup()`` | inactive -> unconfigured, also after a failed ``configure`` | undo ``configure``; maybe twice |
| ``report()`` | once a second while configured | one line for /diagnostics |
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import lifecycle_msgs.srv
import rclpy.lifecycle
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from faceedge.errors import FaceedgeError
from faceedge.nodes import qos as qos_profiles
from faceedge.nodes.diagnostics import Diagnostics, Level, Report
from faceedge.nodes.parameters import ParameterTable, Spec

COMMON = (
    Spec(
        "autostart",
        False,
        "Configure and activate when the process starts; false leaves that to a lifecycle manager.",
        read_only=True,
    ),
)
SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
ERROR = TransitionCallbackReturn.ERROR


class ManagedNode(rclpy.lifecycle.Node):
    """A lifecycle node with a parameter table and diagnostics; see the module's text for what to fill in."""

    def __init__(self, name: str, specs: tuple[Spec, ...], **node_options: Any) -> None:
        self._configured = False
        super().__init__(name, **node_options)
        self._parameters_table = ParameterTable(
            self, COMMON + specs, lambda: not self._configured, lambda: self.state == "active"
        )
        self._failure = ""
        self._crash = ""
        self._diagnostics = Diagnostics(self, self._full_report)
        if self._diagnostics.problem:
            self._parameters_table.add_problem("qos_overrides", self._diagnostics.problem)
        self._survive_impossible_transitions()

    # What a node fills in.

    def configure(self, values: dict[str, Any]) -> None:
        """Build what the parameter ``values`` ask for; raise a FaceedgeError to refuse."""

    def activate(self) -> None:
        """Open devices and start; raise a FaceedgeError to refuse."""

    def deactivate(self) -> None:
        """Undo ``activate``, also a half one."""

    def cleanup(self) -> None:
        """Undo ``configure``, also a half one."""

    def report(self) -> Report:
        """One line for /diagnostics while the node is configured."""
        return Report()

    # What a node uses.

    @property
    def state(self) -> str:
        """unconfigured, inactive, active, finalized, or the name of a transition under way."""
        return str(self._state_machine.current_state[1])

    def make_publisher(self, message_type: Any, topic: str, qos: QoSProfile) -> Publisher:
        """A publisher that accepts `qos_overrides`; raises ConfigurationError for overrides that cannot be used."""
        return qos_profiles.make_publisher(self, message_type, topic, qos)

    def crashed(self, trace: str) -> None:
        """For workers: keep the last line of ``trace`` for /diagnostics and log all of it, at most every 5 s."""
        self._crash = f"something unexpected happened, please report it: {trace.strip().splitlines()[-1]}"
        self.get_logger().error(f"{self._crash}\n{trace}", throttle_duration_sec=5.0)

    # Transitions.

    def start(self) -> None:
        """Configure and activate if the parameter `autostart` says so."""
        if self.get_parameter("autostart").value and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def finish(self) -> None:
        """Undo everything and leave the graph, whatever state the node is in."""
        self._undo(self.deactivate)
        self._undo(self.cleanup)
        self.destroy_node()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters and call ``configure``."""

        def action() -> None:
            self.configure(self._parameters_table.values())
            self._parameters_table.check_qos_overrides()

        result = self._attempt("configure", action, self.cleanup)
        self._configured = result == SUCCESS
        return super().on_configure(state) if result == SUCCESS else result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Call ``activate``."""
        result = self._attempt("activate", self.activate, self.deactivate)
        return super().on_activate(state) if result == SUCCESS else result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Call ``deactivate``."""
        self._undo(self.deactivate)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Call ``cleanup``."""
        self._undo(self.cleanup)
        self._configured = False
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undo everything; the process stays until it is told to end."""
        self._undo(self.deactivate)
        self._undo(self.cleanup)
        self._configured = False
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undo everything, so that the node can be configured anew."""
        return self.on_shutdown(state)

    def _attempt(self, name: str, action: Callable[[], None], undo: Callable[[], None]) -> TransitionCallbackReturn:
        self._crash = ""
        try:
            action()
        except FaceedgeError as error:
            self._undo(undo)
            self._failure = f"{name} failed: {error}"
            self.get_logger().error(self._failure)
            return FAILURE
        except Exception as error:
            self._undo(undo)
            self._failure = f"{name} failed unexpectedly, please report it: {type(error).__name__}: {error}"
            self.get_logger().error(f"{self._failure}\n{traceback.format_exc()}")
            return ERROR
        self._failure = ""
        return SUCCESS

    def _undo(self, undo: Callable[[], None]) -> None:
        """Undoing never fails a transition: a node that cannot be stopped helps nobody."""
        try:
            undo()
        except Exception as error:
            self.get_logger().warning(f"{undo.__name__} did not go smoothly: {type(error).__name__}: {error}")

    def _full_report(self) -> Report:
        if self._failure:
            return Report(Level.ERROR, self._failure, values={"state": self.state})
        if not self._configured:
            return Report(message=self.state, values={"state": self.state})
        try:
            report = self.report()
        except Exception as error:
            return Report(Level.ERROR, f"no report: {type(error).__name__}: {error}", values={"state": self.state})
        level, message = report.level, report.message
        if self._crash:
            level, message = Level.ERROR, self._crash
        elif self.state != "active":
            level, message = Level.OK, self.state
        return Report(level, message, report.hardware_id, {"state": self.state, **report.values})

    def _survive_impossible_transitions(self) -> None:
        """Answer a request such as "activate" while unconfigured with success=false; rclpy lets it end the process."""
        service = self._service_change_state
        original = service.callback

        def guarded(
            request: lifecycle_msgs.srv.ChangeState.Request, response: lifecycle_msgs.srv.ChangeState.Response
        ) -> lifecycle_msgs.srv.ChangeState.Response:
            try:
                return original(request, response)
            except Exception as error:
                wanted = request.transition.label or request.transition.id
                self.get_logger().warning(f"transition {wanted} is not possible while {self.state} ({error})")
                response.success = False
                return response

        service.callback = guarded
