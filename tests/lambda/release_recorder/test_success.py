"""A release that becomes live, and everything that is not there yet."""

import json
from collections.abc import Callable
from typing import Any

import botocore.exceptions
import pytest

from container_pipelines.registry import image_pointer
from release_recorder import marks

Record = Callable[..., dict[str, Any]]


def test_a_release_that_runs_everywhere_is_recorded(aws: Any, record: Record) -> None:
    aws.deploy(aws.OLD)
    aws.deploy(aws.NEW)
    answer = record()
    assert "continuationToken" not in answer
    assert answer["outputVariables"] == {
        "Image": aws.NEW,
        "Digest": "sha256:" + "a" * 64,
        "PreviousImage": aws.OLD,
        "TaskDefinition": list(aws.definitions)[-1],
    }
    assert aws.written == [("/my-app/image-previous", aws.OLD), ("/my-app/image", aws.NEW)]


def test_it_looks_with_the_role_of_the_release_and_answers_with_its_own(
    aws: Any, record: Record
) -> None:
    aws.deploy(aws.NEW)
    record()
    assert aws.keys["ecs"] == aws.keys["ssm"] == {"ASIAROLEROLEROLEROLE"}
    assert aws.keys["codepipeline"] == aws.keys["sts"] == {"AKIAOWNOWNOWNOWNOWNO"}


def digest(image: str) -> str:
    return image.rpartition("@")[2]


def test_the_registry_is_told_what_to_keep(aws: Any, record: Record) -> None:
    aws.tags = {"live": digest(aws.OLD), "previous": digest(aws.OTHER)}
    aws.deploy(aws.NEW)
    record()
    assert aws.tags == {"live": digest(aws.NEW), "previous": digest(aws.OLD)}
    # What was live is tagged as previous before it loses its tag.
    aws.tags = {"live": digest(aws.OLD)}
    aws.faults["PutImage"] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        record()
    assert aws.tags == {"live": digest(aws.OLD)}
    record()
    assert aws.tags == {"live": digest(aws.NEW), "previous": digest(aws.OLD)}


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
    ],
)
def test_an_image_of_each_kind_is_marked(aws: Any, record: Record, kind: str) -> None:
    """What a registry holds for one platform or several, in Docker's format or OCI's."""
    aws.manifest_kind = kind
    aws.deploy(aws.NEW)
    record()
    assert aws.tags == {"live": digest(aws.NEW), "previous": digest(aws.OLD)}


def test_an_image_that_is_gone_and_the_seed_are_not_marked(aws: Any, record: Record) -> None:
    aws.parameters.update({"/my-app/image": aws.SEED, "/my-app/image-previous": aws.SEED})
    aws.deploy(aws.NEW)
    record()
    assert aws.tags == {"live": digest(aws.NEW)}
    aws.parameters["/my-app/image-previous"] = aws.OTHER
    aws.missing.add(digest(aws.OTHER))
    assert "outputVariables" in record()
    assert aws.tags == {"live": digest(aws.NEW)}


def test_without_a_repository_nothing_is_marked(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    assert "outputVariables" in record(repository=None)
    assert aws.tags == {}
    assert "ecr" not in aws.keys


def test_a_release_that_cannot_be_marked_is_live_and_says_so(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    aws.faults["PutImage"] = [aws.fault("AccessDeniedException", "not yours")]
    answer = record()
    assert answer["outputVariables"]["Image"] == aws.NEW
    summary = answer["executionDetails"]["summary"]
    assert "ECR may expire it" in summary
    assert "PutImage: AccessDeniedException, not yours" in summary


def test_a_registry_out_of_reach_leaves_the_release_live(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    lost = botocore.exceptions.ReadTimeoutError(endpoint_url="https://ecr")
    aws.faults["PutImage"] += [lost] * 5
    answer = record()
    assert answer["outputVariables"]["Image"] == aws.NEW
    assert "ReadTimeoutError" in answer["executionDetails"]["summary"]


def test_the_tags_are_those_that_the_lifecycle_keeps() -> None:
    assert (marks.LIVE, marks.PREVIOUS) == (image_pointer.LIVE_TAG, image_pointer.PREVIOUS_TAG)


def test_a_second_time_nothing_is_written(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    first = record()
    aws.written.clear()
    assert record() == first
    assert aws.written == []


def test_the_seed_is_no_image_to_go_back_to(aws: Any, record: Record) -> None:
    aws.parameters.update({"/my-app/image": aws.SEED, "/my-app/image-previous": aws.OTHER})
    aws.deploy(aws.NEW)
    assert record()["outputVariables"]["PreviousImage"] == aws.OTHER
    assert aws.written == [("/my-app/image", aws.NEW)]


def test_stopped_between_the_two_writes_and_tried_again(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    aws.after["PutParameter"].append(lambda: aws.faults["PutParameter"].append(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        record()
    assert aws.parameters == {"/my-app/image": aws.OLD, "/my-app/image-previous": aws.OLD}
    assert record()["outputVariables"]["PreviousImage"] == aws.OLD
    assert aws.parameters == {"/my-app/image": aws.NEW, "/my-app/image-previous": aws.OLD}
    assert len(aws.written) == 2


def test_an_index_whose_tasks_report_the_manifest_of_their_platform(
    aws: Any, record: Record
) -> None:
    aws.deploy(aws.NEW, resolved="sha256:" + "c" * 64)
    assert "outputVariables" in record()


def test_an_image_that_was_deployed_by_tag_is_known_by_what_ecs_resolved(
    aws: Any, record: Record
) -> None:
    aws.deploy("my-app:1.2.3", resolved="sha256:" + "a" * 64)
    assert record()["outputVariables"]["Image"] == aws.NEW


def test_no_task_is_wanted(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW, count=0)
    assert record()["outputVariables"]["Image"] == aws.NEW


@pytest.mark.parametrize("rollout", ["COMPLETED", None])
def test_a_service_whose_deployments_ecs_does_not_remember(
    aws: Any, record: Record, rollout: str | None
) -> None:
    aws.deploy(aws.NEW)
    aws.service_deployments.clear()
    aws.primary(list(aws.definitions)[-1], number=1, rollout=rollout)
    assert record()["outputVariables"]["Image"] == aws.NEW


@pytest.mark.parametrize("unsteady", ["an old deployment beside it", "a task too few"])
def test_a_roll_out_without_a_state_that_is_not_steady_is_waited_for(
    aws: Any, record: Record, unsteady: str
) -> None:
    aws.deploy(aws.NEW)
    aws.service_deployments.clear()
    aws.primary(list(aws.definitions)[-1], number=1, rollout=None)
    (primary,) = aws.service["deployments"]
    if unsteady == "a task too few":
        primary["desiredCount"] += 1
    else:
        aws.service["deployments"].append({**primary, "id": "ecs-svc/0", "status": "ACTIVE"})
    assert "continuationToken" in record()


def test_many_deployments_and_tasks_come_in_pages(aws: Any, record: Record) -> None:
    aws.page_size = 3
    aws.deploy(aws.NEW, count=8)
    definition, tasks = list(aws.definitions)[-1], aws.tasks
    for _ in range(45):
        aws.deploy(aws.OTHER)["status"] = "STOPPED"
    aws.primary(definition, number=1, count=8)
    aws.tasks = tasks
    assert record()["outputVariables"]["TaskDefinition"] == definition
    aws.service_deployments[0]["status"] = "STOPPED"
    assert "failureDetails" in record()


def test_the_same_image_again_with_other_settings(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)["status"] = "STOPPED"
    aws.deploy(aws.NEW)
    assert record()["outputVariables"]["Image"] == aws.NEW


@pytest.mark.parametrize("status", ["PENDING", "IN_PROGRESS", "SOME_DAY"])
def test_a_deployment_under_way_is_asked_for_again(aws: Any, record: Record, status: str) -> None:
    deployment = aws.deploy(aws.NEW)
    deployment.update(
        status=status if status != "SOME_DAY" else "IN_PROGRESS",
        lifecycleStage="BAKE_TIME",
        lifecycleHookDetails=[
            {"targetType": "PAUSE", "hookId": "h-1", "status": "AWAITING_ACTION"},
            {"targetType": "AWS_LAMBDA", "targetArn": "arn:hook", "status": "SUCCEEDED"},
        ],
    )
    deployment["status"] = status
    answer = record()
    assert set(json.loads(answer["continuationToken"])) == {"started"}
    assert answer["executionDetails"]["externalExecutionId"].endswith("/my-app/1")
    assert answer["executionDetails"]["summary"] == (
        "Waiting for the deployment arn:aws:ecs:eu-west-1:111122223333:service-deployment/prod/"
        f"my-app/1 to complete ({status}, stage BAKE_TIME, hook h-1 AWAITING_ACTION)"
    )
    assert "outputVariables" not in answer
    assert aws.written == []


def test_the_roll_out_is_not_through(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    aws.service["deployments"][0]["rolloutState"] = "IN_PROGRESS"
    assert "Waiting for the deployment ecs-svc/1" in record()["executionDetails"]["summary"]


@pytest.mark.parametrize("running", [0, 1, 3])
def test_other_than_all_tasks_run(aws: Any, record: Record, running: int) -> None:
    aws.deploy(aws.NEW)
    aws.run(list(aws.definitions)[-1], aws.NEW, running)
    summary = record()["executionDetails"]["summary"]
    assert summary.startswith("Waiting for 2 running tasks of arn:aws:ecs:")
    assert summary.endswith(f"my-app:1, now {running}")
    assert aws.written == []


def test_a_task_that_is_still_starting_does_not_count(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    aws.tasks[0]["lastStatus"] = "PENDING"
    assert "continuationToken" in record()


def test_tasks_of_other_revisions_do_not_count(aws: Any, record: Record) -> None:
    aws.deploy(aws.OLD)
    old = aws.tasks
    aws.deploy(aws.NEW)
    aws.tasks = [aws.tasks[0], *old]
    assert "continuationToken" in record()


def test_a_later_deployment_under_way_is_waited_for(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    aws.deploy(aws.OTHER)["status"] = "IN_PROGRESS"
    aws.service["deployments"][0]["rolloutState"] = "IN_PROGRESS"
    assert "ecs-svc/2" in record()["executionDetails"]["summary"]
    assert aws.written == []


def test_a_later_deployment_that_was_rolled_back_changes_nothing(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    before = (aws.service, aws.tasks)
    aws.deploy(aws.OTHER)["status"] = "ROLLBACK_SUCCESSFUL"
    aws.service, aws.tasks = before
    assert record()["outputVariables"]["Image"] == aws.NEW


def code_deploy(aws: Any, *images: str, steady: str = "STEADY_STATE") -> None:
    """Task sets as CodeDeploy leaves them; the first is the primary one."""
    definitions = [aws.define(image) for image in images]
    aws.service = {
        "serviceName": "my-app",
        "status": "ACTIVE",
        "deploymentController": {"type": "CODE_DEPLOY"},
        "taskSets": [
            {
                "id": f"ecs-svc/{number}",
                "status": "ACTIVE" if number else "PRIMARY",
                "taskDefinition": definition,
                "computedDesiredCount": 2,
                "runningCount": 2,
                "stabilityStatus": steady,
            }
            for number, definition in enumerate(definitions)
        ],
    }
    aws.run(definitions[0], images[0], 2)


def test_code_deploy_by_the_primary_task_set(aws: Any, record: Record) -> None:
    code_deploy(aws, aws.NEW, aws.OLD)
    assert record()["outputVariables"]["Image"] == aws.NEW
    assert "ListServiceDeployments" not in aws.calls


def test_code_deploy_under_way(aws: Any, record: Record) -> None:
    code_deploy(aws, aws.OLD, aws.NEW)
    assert "traffic to go to the task set ecs-svc/1" in record()["executionDetails"]["summary"]
    code_deploy(aws, aws.NEW, aws.OLD, steady="STABILIZING")
    assert "task set ecs-svc/0 to be steady" in record()["executionDetails"]["summary"]
    aws.service["taskSets"] = []
    assert "a primary task set" in record()["executionDetails"]["summary"]
    assert aws.written == []


def test_code_deploy_replaced_once_it_was_recorded_leaves_the_record(
    aws: Any, record: Record
) -> None:
    code_deploy(aws, aws.NEW)
    aws.after["PutParameter"] += [lambda: None, lambda: code_deploy(aws, aws.OTHER)]
    assert f"The service runs {aws.OTHER}." in record()["failureDetails"]["message"]
    assert aws.parameters == {"/my-app/image": aws.NEW, "/my-app/image-previous": aws.OLD}


def test_code_deploy_went_back(aws: Any, record: Record) -> None:
    code_deploy(aws, aws.OLD)
    aws.stop_task("Essential container in task exited", exitCode=137)
    aws.stop_task("of another image", image=aws.OLD, exitCode=1)
    assert record()["failureDetails"]["message"] == (
        f"{aws.NEW} is not live: the primary task set has another image. Stopped tasks: "
        "1 x Essential container in task exited (container app, exit code 137). The service runs "
        f"{aws.OLD}. Next: look at the log group /my-app/log and the events of the service my-app "
        "in the cluster prod, fix the cause, and release again."
    )
    assert aws.written == []
