"""Parameters of a node as a table: name, default, range, choices and description in one row each.

A wrong value in a parameter file must not end a process, so the table is declared with its defaults where an override
is wrong, and the sentence that says so is kept until the parameter is set to something better. Configuring a node with
such a sentence fails.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import rclpy.node
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.parameter import Parameter

from faceedge.errors import ConfigurationError

QOS_PREFIX = "qos_overrides."
LATEST_NS = (1 << 63) - 1
"""The largest moment in ns that a parameter can hold."""
TYPE_NAMES: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True, slots=True)
class Spec:
    """One parameter of a node.

    Attributes:
        default: its type is the parameter's type: bool, int, float or str.
        low, high: limits, both included; only for numbers.
        choices: the allowed texts; empty allows all.
        read_only: fixed when the process starts.
        at_activation: read when the node is activated, so it may change while the node is inactive. All others are read
            when it is configured.
    """

    name: str
    default: bool | int | float | str
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False
    at_activation: bool = False

    def descriptor(self) -> ParameterDescriptor:
        """The rcl_interfaces/ParameterDescriptor of this parameter."""
        result = ParameterDescriptor(name=self.name, description=self.description, read_only=self.read_only)
        if self.choices:
            result.additional_constraints = "one of: " + ", ".join(self.choices)
        if self.low is not None and self.high is not None:
            if isinstance(self.default, float):
                result.floating_point_range = [FloatingPointRange(from_value=self.low, to_value=self.high)]
            else:
                result.integer_range = [IntegerRange(from_value=int(self.low), to_value=int(self.high))]
        return result

    def problem(self, value: object) -> str:
        """What is wrong with ``value``, as one sentence, or an empty text."""
        expected = TYPE_NAMES[type(self.default)]
        if self.low is not None:
            expected += f" from {self.low:g} to {self.high:g}"
        if self.choices:
            expected = "one of " + ", ".join(self.choices)
        wrong = type(value) is not type(self.default)
        if not wrong and isinstance(value, float):
            wrong = not math.isfinite(value)
        if not wrong and self.low is not None and self.high is not None and isinstance(value, (int, float)):
            wrong = not self.low <= value <= self.high
        if not wrong and self.choices:
            wrong = value not in self.choices
        return f"parameter '{self.name}' must be {expected}, not {value!r}" if wrong else ""


class ParameterTable:
    """The declared parameters of ``node``.

    Args:
        node: owner.
        specs: the rows.
        may_change: whether values are open to change now; they are read when the node is configured.
        is_active: whether those that are read at activation are in use.
    """

    def __init__(
        self,
        node: rclpy.node.Node,
        specs: tuple[Spec, ...],
        may_change: Callable[[], bool],
        is_active: Callable[[], bool] = lambda: True,
    ) -> None:
        self._node = node
        self._specs = {spec.name: spec for spec in specs}
        self._may_change, self._is_active = may_change, is_active
        self._problems: dict[str, str] = {}
        overrides: dict[str, Parameter] = node._parameter_overrides
        for spec in specs:
            given = overrides.get(spec.name)
            if given is not None:
                given = overrides[spec.name] = self._whole_to_float(spec, given)
                sentence = spec.problem(given.value)
                if sentence:
                    self._problems[spec.name] = sentence
            node.declare_parameter(
                spec.name, spec.default, spec.descriptor(), ignore_override=spec.name in self._problems
            )
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._forgive)

    @staticmethod
    def _whole_to_float(spec: Spec, given: Parameter) -> Parameter:
        """`rate_hz: 30` in a file is an integer to ROS; a person means 30.0."""
        if isinstance(spec.default, float) and type(given.value) is int:
            return Parameter(spec.name, Parameter.Type.DOUBLE, float(given.value))
        return given

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            spec = self._specs.get(parameter.name)
            if spec is None:
                continue
            sentence = spec.problem(parameter.value)
            if not sentence and spec.at_activation and not self._may_change():
                if self._is_active():
                    sentence = f"parameter '{spec.name}' is read when the node is activated; deactivate it first"
            elif not sentence and not self._may_change():
                sentence = (
                    f"parameter '{spec.name}' is read when the node is configured; deactivate and clean up the node, "
                    "set it, then configure and activate again"
                )
            if sentence:
                return SetParametersResult(successful=False, reason=sentence)
        return SetParametersResult(successful=True)

    def _forgive(self, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            self._problems.pop(parameter.name, None)

    def add_problem(self, name: str, sentence: str) -> None:
        """Keep ``sentence`` about parameter ``name`` until that is set anew."""
        self._problems[name] = sentence

    def values(self) -> dict[str, Any]:
        """The values of all rows by name.

        Raises:
            ConfigurationError: an override had a wrong value, or a name that this node does not have.
        """
        sentences = [*self._problems.values(), *self._unknown()]
        if sentences:
            raise ConfigurationError("; ".join(sentences))
        return {name: self._node.get_parameter(name).value for name in self._specs}

    def check_qos_overrides(self) -> None:
        """Refuse QoS overrides of topics that this node does not publish; call it when all publishers exist.

        Raises:
            ConfigurationError: names them.
        """
        sentences = self._unknown(qos=True)
        if sentences:
            raise ConfigurationError("; ".join(sentences))

    def _unknown(self, qos: bool = False) -> list[str]:
        known = sorted(self._node._parameters)
        result = []
        for name in self._node._parameter_overrides:
            if self._node.has_parameter(name) or name.startswith(QOS_PREFIX) != qos:
                continue
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(self._specs)}"
            result.append(
                f"unknown parameter '{name}' for node {self._node.get_fully_qualified_name()}; {hint} "
                f"(parameters of one node belong under the key /**/{self._node.get_name()} of the file)"
            )
        return result
