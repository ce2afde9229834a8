"""Metrics as the body of a dashboard has them."""

from container_pipelines.monitoring._metrics import Expression, Series, graph_rows

REQUESTS = Series(
    namespace="Shop", name="Requests", dimensions=(("Stage", "live"),), statistic="Sum"
)
ERRORS = Series(namespace="Shop", name="Errors", dimensions=(), statistic="Average", label="Errors")
SHARE = Expression(expression="100 * e / r", using={"e": ERRORS, "r": REQUESTS}, label="Share")


def test_each_line_is_on_its_axis() -> None:
    assert graph_rows([REQUESTS], [ERRORS], seconds=60) == [
        ["Shop", "Requests", "Stage", "live", {"period": 60, "stat": "Sum"}],
        ["Shop", "Errors", {"label": "Errors", "yAxis": "right", "period": 60}],
    ]


def test_what_an_expression_is_computed_from_is_hidden_unless_it_is_shown() -> None:
    assert graph_rows([REQUESTS], [SHARE], seconds=300) == [
        ["Shop", "Requests", "Stage", "live", {"id": "r", "stat": "Sum"}],
        [{"label": "Share", "expression": "100 * e / r", "yAxis": "right"}],
        ["Shop", "Errors", {"label": "Errors", "id": "e", "visible": False}],
    ]
