"""A service whose traffic moves from one target group to another, and what can be seen of it."""

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from local.traffic import weights_of
from tests.local.shops.shop import Shop

SECONDS = 120.0
_SAMPLE_SECONDS = 0.1


class ShiftingShop(Shop, ABC):
    """A service with its pipeline, and the weights of its traffic."""

    @abstractmethod
    def rule(self, *, test: bool) -> dict[str, Any]:
        """Describe the listener rule of production traffic, or of test traffic."""

    def weights(self, *, test: bool = False) -> dict[str, int]:
        """The target groups of one of the service's rules with their weights."""
        return weights_of(self.rule(test=test))

    def live(self, *, test: bool = False) -> str:
        """The group that all traffic goes to."""
        (group,) = (group for group, weight in self.weights(test=test).items() if weight)
        return group

    def healthy(self, group: str) -> int:
        """How many healthy targets a target group has."""
        found = self.client("elbv2").describe_target_health(TargetGroupArn=group)
        states = [each["TargetHealth"]["State"] for each in found["TargetHealthDescriptions"]]
        return states.count("healthy")

    @contextlib.contextmanager
    def never_empty(self) -> Iterator[list[dict[str, int]]]:
        """Check that no traffic goes to a group without a healthy target, until the end.

        Yields the weights that were seen, each once in a row.
        """
        seen: list[dict[str, int]] = []
        empty: list[str] = []
        done = threading.Event()

        def sample() -> None:
            while not done.wait(_SAMPLE_SECONDS):
                weights = self.weights()
                if not seen or seen[-1] != weights:
                    seen.append(weights)
                for group, weight in weights.items():
                    # Asked once more: the traffic may have moved between the two questions.
                    if weight and not self.healthy(group) and self.weights().get(group):
                        empty.append(group)

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield seen
        finally:
            done.set()
            thread.join()
        assert seen
        assert not empty
