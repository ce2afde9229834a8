"""What is made before what, where every setting is given: CloudFormation goes by nothing else."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import cx_api

FOLDER = Path(__file__).parents[2] / "samples" / "settings"
OF_A_SUBSTITUTION = re.compile(r"\$\{([^!.}]+)[^}]*\}")

Graph = dict[str, set[str]]


class Sample:
    """The stacks of a sample: their templates, and which are deployed before a stack."""

    def __init__(self, assembly: cx_api.CloudAssembly) -> None:
        self.before = {
            stack.stack_name: {each.id for each in stack.dependencies if "." not in each.id}
            for stack in assembly.stacks
        }
        self.templates: dict[str, dict[str, Any]] = {
            name: json.loads(Path(assembly.directory, f"{name}.template.json").read_text())
            for name in self.before
        }


@pytest.fixture(scope="module", params=["everything", "existing"])
def sample(
    request: pytest.FixtureRequest, synthesize: Callable[[dict[str, Any]], cx_api.CloudAssembly]
) -> Sample:
    return Sample(synthesize(json.loads((FOLDER / f"{request.param}.json").read_text())))


def references(value: Any) -> Iterator[str]:
    """The logical ids that a value refers to."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            yield name
        case {"Fn::Sub": text}:
            text, values = text if isinstance(text, list) else (text, {})
            yield from set(OF_A_SUBSTITUTION.findall(text)) - set(values)
            yield from references(list(values.values()))
        case dict():
            for each in value.values():
                yield from references(each)
        case list():
            for each in value:
                yield from references(each)


def outputs_read(value: Any) -> Iterator[dict[str, str]]:
    match value:
        case {"Fn::GetStackOutput": dict(output)}:
            yield output
        case dict() | list():
            for each in value.values() if isinstance(value, dict) else value:
                yield from outputs_read(each)


def graph(template: Mapping[str, Any]) -> Graph:
    """For each resource what it refers to and what it waits for by itself."""
    found = {}
    for name, resource in template["Resources"].items():
        waits = resource.get("DependsOn", [])
        waits = [waits] if isinstance(waits, str) else waits
        found[name] = {*waits, *references(resource.get("Properties", {}))}
    return found


def all_before(name: str, edges: Graph) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        for each in edges.get(todo.pop(), set()) - found:
            found.add(each)
            todo.append(each)
    return found


def of_type(template: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def policies_of(template: Mapping[str, Any], role: Any) -> set[str]:
    (name,) = references(role)
    return {
        policy
        for policy, properties in of_type(template, "AWS::IAM::Policy").items()
        if {"Ref": name} in properties["Roles"]
    }


def test_a_service_waits_for_what_it_needs_and_for_no_other_service(sample: Sample) -> None:
    everything = "acme-platform" in sample.before
    platform = {"acme-platform"} if everything else set()
    services = ("shop", "search", "checkout") if everything else ("accounts", "payments", "legacy")
    expected: dict[str, set[str]] = {
        "acme-shared": set(),
        # The alarm of the drift detector.
        "acme-monitoring": {"acme-shared", *platform},
    }
    expected |= {name: set() for name in platform}
    for service in services:
        registry, own, pipeline = (
            f"acme-{service}-{kind}" for kind in ("registry", "service", "pipeline")
        )
        expected[registry] = set()
        expected[pipeline] = {registry, "acme-shared"}
        expected["acme-monitoring"].add(pipeline)
        if service != "legacy":
            # The images of the other were there before, and are of no stack.
            expected["acme-monitoring"].add(registry)
            expected[own] = {registry, *platform}
            expected[pipeline] |= {own, *platform}
            expected["acme-monitoring"].add(own)
    assert sample.before == expected


def test_nothing_goes_in_circles_or_to_what_is_not_there(sample: Sample) -> None:
    for name, template in sample.templates.items():
        edges = graph(template)
        assert edges
        known = {*edges, *template.get("Parameters", {})}
        unknown = {to for targets in edges.values() for to in targets if "::" not in to} - known
        assert unknown == set(), name
        try:
            TopologicalSorter(edges).prepare()
        except CycleError as error:
            pytest.fail(f"{name}: {' -> '.join(error.args[1])}")


def test_what_is_read_of_another_stack_is_put_out_by_one_before(sample: Sample) -> None:
    read = 0
    for name, template in sample.templates.items():
        for output in outputs_read(template):
            stack = output["StackName"]
            assert stack in sample.before[name], (name, output)
            assert output["OutputName"] in sample.templates[stack]["Outputs"], (name, output)
            read += 1
    assert read > 10


def test_who_acts_at_once_has_its_permissions_before(sample: Sample) -> None:
    """A pipeline starts when it is made; the tasks of a service pull their image and secrets."""
    seen = 0
    for name, template in sample.templates.items():
        edges = graph(template)
        for pipeline, properties in of_type(template, "AWS::CodePipeline::Pipeline").items():
            needed = policies_of(template, properties["RoleArn"])
            assert needed
            assert needed <= all_before(pipeline, edges), name
            seen += 1
        definitions = of_type(template, "AWS::ECS::TaskDefinition")
        for service in of_type(template, "AWS::ECS::Service"):
            needed = {
                policy
                for definition in set(definitions) & all_before(service, edges)
                for role in ("ExecutionRoleArn", "TaskRoleArn")
                for policy in policies_of(template, definitions[definition][role])
            }
            assert needed
            assert needed <= all_before(service, edges), name
            seen += 1
    assert seen in (5, 7)
