"""CloudWatch alarms on metric math and on anomaly bands, which the emulator refuses in templates.

They are stored and described, and SetAlarmState moves them; nothing evaluates them.
"""

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners

from local.emulator.resources import Properties

# A metric that nobody writes: to the emulator the alarm has no data.
_NO_METRIC = {"Namespace": "MetricMath", "MetricName": "None", "TreatMissingData": "missing"}


def register() -> None:
    """Take such alarms as well."""
    original: Callable[[str, Properties], dict[str, Any]] = provisioners._cw_metric_alarm_record

    def record(name: str, properties: Properties) -> dict[str, Any]:
        metrics = properties.get("Metrics")
        if not metrics:
            return original(name, properties)
        known = {key: value for key, value in properties.items() if key != "Metrics"}
        # An alarm on a band has no threshold of its own.
        alarm = original(name, {"Threshold": 0, **known, **_NO_METRIC})
        return {**alarm, "Metrics": metrics}

    provisioners._cw_metric_alarm_record = record
