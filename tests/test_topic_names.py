"""Names of topics out of settings."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")

from faceedge.errors import ConfigurationError
from faceedge.nodes.radar_listener import TopicFeed
from faceedge.nodes.topic_names import check_topic


@pytest.mark.parametrize("topic", ["/radar/adc", "radar/adc", "~/adc"])
def test_a_name_of_a_topic_is_let_through(topic: str) -> None:
    check_topic(topic, "/radar/adc")


@pytest.mark.parametrize("topic", ["", "bad topic", "/radar/", "1radar", "/radar//adc"])
def test_another_name_is_refused_with_an_example(topic: str) -> None:
    with pytest.raises(ConfigurationError, match="is no name of a topic; expected one like /radar/adc"):
        check_topic(topic, "/radar/adc")


@pytest.mark.parametrize("name", ["chirp", "temperature", "micro_range_doppler"])
def test_a_view_of_what_lies_beside_the_images_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"/radar/{name} is looked for beside the range-Doppler images"):
        TopicFeed(f"/radar/{name}").open()
