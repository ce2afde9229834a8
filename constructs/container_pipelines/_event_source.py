"""What the library's own events are sent as."""

from typing import Final

EVENT_SOURCE: Final = "container-pipelines"
"""Their source; equal to SOURCE in lambda/drift_detector/notification.py."""
