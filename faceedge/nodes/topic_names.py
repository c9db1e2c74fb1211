"""Names of topics out of settings: checked, so that a wrong one is a sentence, and resolved as the node has them."""

from __future__ import annotations

import rclpy.node
from rclpy.exceptions import InvalidTopicNameException
from rclpy.validate_topic_name import validate_topic_name

from faceedge.errors import ConfigurationError


def check_topic(topic: str, example: str) -> None:
    """Nothing for a valid name; raises ConfigurationError with ``example`` for another."""
    sentence = f"{topic!r} is no name of a topic; expected one like {example}."
    if "//" in topic:  # which only the full name is checked for
        raise ConfigurationError(sentence)
    try:
        validate_topic_name(topic)
    except InvalidTopicNameException as error:
        raise ConfigurationError(sentence) from error


def resolve_topic(node: rclpy.node.Node, topic: str, example: str) -> str:
    """The full name of ``topic`` in the namespace of ``node``, remapped; raises ConfigurationError."""
    check_topic(topic, example)
    return str(node.resolve_topic_name(topic))
