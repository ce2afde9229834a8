"""Golden messages: what each event becomes, with what AWS answers to the look-ups."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"
EXECUTION = "12345678-1234-5678-abcd-12345678abcd"
BUILD = "my-container-app:86a1cd00-9509-4929-ac8b-7d3a8c10c2bc"
COMMIT = "8e0c6fb80e09020556d271d4cf0bacdab3614fbd"


def at(hour: int, minute: int) -> datetime:
    return datetime(2026, 11, 20, hour, minute, tzinfo=UTC)


SOURCE = {
    "stageName": "Source",
    "actionName": "GitHub",
    "status": "Succeeded",
    "input": {
        "actionTypeId": {
            "category": "Source",
            "owner": "AWS",
            "provider": "CodeStarSourceConnection",
            "version": "1",
        }
    },
    "output": {
        "outputVariables": {
            "AuthorDate": "2026-11-20T09:30:00Z",
            "AuthorDisplayName": "Mary Major",
            "BranchName": "main",
            "CommitId": COMMIT,
            "CommitMessage": "Faster start & <fewer> pulls\n\nToken: ghp_" + "a" * 36,
        },
        "executionResult": {
            "externalExecutionId": COMMIT,
            "externalExecutionUrl": "https://eu-west-1.console.aws.amazon.com/codesuite/settings/"
            f"connections/redirect?referenceType=COMMIT&Commit={COMMIT}",
        },
    },
}


def action(stage: str, name: str, provider: str, result: dict[str, Any], **made_by: Any) -> Any:
    category = "Build" if provider == "CodeBuild" else "Deploy"
    return {
        "stageName": stage,
        "actionName": name,
        "status": "Failed",
        "lastUpdateTime": at(10, 9),
        "input": {
            "actionTypeId": {
                "category": category,
                "owner": "AWS",
                "provider": provider,
                "version": "1",
            },
            **made_by,
        },
        "output": {"executionResult": result},
    }


def actions(*failed: Any) -> dict[str, Any]:
    return {
        "codepipeline.ListActionExecutions": {"actionExecutionDetails": [*failed, SOURCE]},
    }


FAILED_BUILD = {
    **actions(
        action(
            "Build",
            "Docker",
            "CodeBuild",
            {
                "externalExecutionId": BUILD,
                "externalExecutionSummary": "Build terminated with state: FAILED",
                "errorDetails": {
                    "code": "JobFailed",
                    "message": "Build terminated with state: FAILED",
                },
            },
        )
    ),
    "codebuild.BatchGetBuilds": {
        "builds": [
            {
                "id": BUILD,
                "logs": {
                    "groupName": "/aws/codebuild/my-container-app",
                    "streamName": "86a1cd00-9509-4929-ac8b-7d3a8c10c2bc",
                },
                "phases": [
                    {"phaseType": "PRE_BUILD", "phaseStatus": "SUCCEEDED"},
                    {
                        "phaseType": "BUILD",
                        "phaseStatus": "FAILED",
                        "contexts": [
                            {
                                "statusCode": "COMMAND_EXECUTION_ERROR",
                                "message": "Error while executing command: docker buildx build "
                                "--push . Reason: exit status 1",
                            }
                        ],
                    },
                    {"phaseType": "UPLOAD_ARTIFACTS", "phaseStatus": "FAILED", "contexts": []},
                    {"phaseType": "COMPLETED"},
                ],
            }
        ]
    },
    "logs.GetLogEvents": {
        "events": [
            {"message": line + "\n"}
            for line in (
                *(f"#{number} resolving" for number in range(20)),
                (
                    "\x1b[31mERROR\x1b[0m: failed to solve: node:20-alpine: toomanyrequests: You "
                    "have reached your pull rate limit. @channel <!here> DOCKER_PASSWORD=hunter2"
                ),
                "[Container] 2026/11/20 10:02:39 Phase complete: BUILD State: FAILED",
                "[Container] 2026/11/20 10:02:39 Entering phase POST_BUILD",
                "[Container] 2026/11/20 10:02:39 Phase complete: POST_BUILD State: SUCCEEDED",
            )
        ]
    },
}
# The picture in the README shows this one.
DOCKER_HUB = {
    **FAILED_BUILD,
    "logs.GetLogEvents": {
        "events": [
            {"message": line + "\n"}
            for line in (
                "[Container] 2026/11/20 10:02:37 Running command docker buildx build --push .",
                "#1 [internal] load build definition from Dockerfile",
                "#1 DONE 0.0s",
                "#2 [internal] load metadata for docker.io/library/node:20-alpine",
                "#2 ERROR: toomanyrequests: You have reached your unauthenticated pull rate limit.",
                "Dockerfile:1",
                "   1 | >>> FROM node:20-alpine AS build",
                (
                    "ERROR: failed to solve: node:20-alpine: toomanyrequests: You have reached "
                    "your unauthenticated pull rate limit."
                ),
                "[Container] 2026/11/20 10:02:39 Phase complete: BUILD State: FAILED",
            )
        ]
    },
}
ECS_SERVICE = {
    "ecs.DescribeServices": {
        "services": [
            {
                "events": [
                    {"message": "(service my-service) has reached a steady state."},
                    {"message": "(service my-service) was unable to place a task."},
                    {"message": "(service my-service) has started 1 tasks: (task c13b)."},
                    {"message": "(service my-service) (task 9f2) (port 80) is unhealthy in x."},
                    {"message": "(service my-service) (deployment d) deployment failed: older."},
                ]
            }
        ]
    },
    "ecs.ListTasks": {
        "taskArns": ["arn:aws:ecs:eu-west-1:111122223333:task/my-cluster/c13b4cb40f1f4fe4a2971f76"]
    },
    "ecs.DescribeTasks": {
        "tasks": [
            {
                "stopCode": "TaskFailedToStart",
                "stoppedReason": "ResourceInitializationError: unable to pull secrets or registry "
                "auth: unable to retrieve secret from asm",
                "containers": [{"name": "app"}],
            },
            {
                "stopCode": "EssentialContainerExited",
                "stoppedReason": "Essential container in task exited",
                "containers": [
                    {"name": "app", "exitCode": 137, "reason": "OutOfMemoryError: killed"},
                    {"name": "sidecar", "exitCode": 0},
                ],
            },
        ]
    },
}
FAILED_ECS_ACTION = {
    **actions(
        action(
            "Deploy",
            "Deploy",
            "ECS",
            {
                "errorDetails": {
                    "code": "JobFailed",
                    "message": "The deployment failed because the Amazon ECS deployment timed out",
                }
            },
            configuration={"ClusterName": "my-cluster", "ServiceName": "my-service"},
        )
    ),
    **ECS_SERVICE,
}
HISTORY = {
    "codepipeline.ListPipelineExecutions": {
        "pipelineExecutionSummaries": [
            {
                "pipelineExecutionId": EXECUTION,
                "status": "InProgress",
                "startTime": at(10, 0),
                "lastUpdateTime": at(10, 9),
            },
            {"pipelineExecutionId": "c", "status": "Superseded", "lastUpdateTime": at(9, 50)},
            {"pipelineExecutionId": "b", "status": "Failed", "lastUpdateTime": at(9, 20)},
            {"pipelineExecutionId": "a", "status": "Succeeded", "lastUpdateTime": at(8, 0)},
        ]
    }
}
REVISION = {
    "codepipeline.ListActionExecutions": {"actionExecutionDetails": []},
    "codepipeline.GetPipelineExecution": {
        "pipelineExecution": {
            "artifactRevisions": [
                {
                    "revisionId": COMMIT,
                    "revisionSummary": '{"ProviderType":"GitHub","CommitMessage":"Back again"}',
                    "revisionUrl": "https://example.com/commit/8e0c6fb8",
                }
            ]
        }
    },
}
CODEDEPLOY = {
    "codedeploy.GetDeployment": {
        "deploymentInfo": {
            "errorInformation": {
                "code": "HEALTH_CONSTRAINTS",
                "message": "The ECS service cannot be updated due to an unexpected error: 1 of the "
                "tasks failed container health checks",
            }
        }
    }
}

# Name of the golden file: event, answers of AWS.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "pipeline-failed-in-build": ("pipeline-failed", FAILED_BUILD),
    "pipeline-failed-at-docker-hub": ("pipeline-failed", DOCKER_HUB),
    "pipeline-failed-in-deploy": ("pipeline-failed", FAILED_ECS_ACTION),
    "pipeline-failed-without-look-ups": ("pipeline-failed", {}),
    "pipeline-started": ("pipeline-started", {}),
    "pipeline-succeeded": ("pipeline-succeeded", actions()),
    "pipeline-recovered": ("pipeline-succeeded", actions() | HISTORY),
    "pipeline-rolled-back": ("pipeline-succeeded", REVISION),
    "pipeline-superseded": ("pipeline-superseded", {}),
    "stage-failed": ("stage-failed", FAILED_ECS_ACTION),
    "action-failed": ("action-failed", FAILED_BUILD),
    "approval-needed": ("approval-needed", actions()),
    "ecs-deployment-failed": ("ecs-deployment-failed", ECS_SERVICE),
    "ecs-deployment-rolled-back": ("ecs-deployment-rolled-back", {}),
    "ecs-deployment-completed": ("ecs-deployment-completed", {}),
    "image-drift": ("image-drift", {}),
    "image-drift-over": ("image-drift-over", {}),
    "ecs-task-cannot-pull": ("ecs-task-cannot-pull", {}),
    "ecs-task-out-of-memory": ("ecs-task-out-of-memory", {}),
    "ecs-task-unhealthy": ("ecs-task-unhealthy", {}),
    "ecs-task-replaced": ("ecs-task-replaced", {}),
    "codedeploy-failed": ("codedeploy-failed", CODEDEPLOY),
    "codedeploy-ready": ("codedeploy-ready", {}),
    "codebuild-failed": (
        "codebuild-failed",
        {name: answer for name, answer in FAILED_BUILD.items() if "pipeline" not in name},
    ),
    "codebuild-failed-without-look-ups": ("codebuild-failed", {}),
    "ecr-scan-critical": ("ecr-scan-critical", {}),
    "ecr-scan-failed": ("ecr-scan-failed", {}),
    "inspector-scan": ("inspector-scan", {}),
    "alarm": ("alarm", {}),
    "alarm-over": ("alarm-over", {}),
    "alarm-by-sns": ("alarm-by-sns", {}),
    "unknown": ("unknown", {}),
}
EVERYTHING = "failed,recovered,approval,started,succeeded,stopped"


@pytest.mark.parametrize("name", CASES)
def test_message(
    name: str,
    event: Callable[[str], Any],
    new_notifier: Callable[..., Any],
    slack: Any,
    block_kit: ModuleType,
) -> None:
    recorded, answers = CASES[name]
    call = new_notifier(
        answers, NOTIFY_ON=EVERYTHING, DOCS_URL="https://example.com/troubleshooting"
    )
    call(event(recorded))
    [message] = slack.posted()
    assert block_kit.problems(message) == []
    shown = json.dumps(message, indent=2, ensure_ascii=False) + "\n"
    golden = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(shown)
    assert shown == golden.read_text()


def test_every_golden_message_and_every_event_is_used() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)
    events = {path.stem for path in (GOLDEN.parent / "events").iterdir()}
    assert events == {event for event, _ in CASES.values()}


def test_by_default_failures_recoveries_and_approvals_are_sent(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    sent = []
    for name, (recorded, answers) in CASES.items():
        before = len(slack.posted())
        new_notifier(answers)(event(recorded))
        sent += [name] * (len(slack.posted()) - before)
    assert set(CASES) - set(sent) == {
        "pipeline-started",
        "pipeline-succeeded",
        "pipeline-rolled-back",
        "pipeline-superseded",
        "ecs-deployment-completed",
        "ecs-task-replaced",
    }


def test_the_service_is_called_as_configured(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    new_notifier(SERVICE_NAME="Shop")(event("ecs-task-unhealthy"))
    [message] = slack.posted()
    assert message["text"].startswith("\N{LARGE RED CIRCLE} Shop: Task stopped")
    assert "*About*\nmy-service" in json.dumps(message).replace("\\n", "\n")


def test_no_look_up_is_made_for_news_that_nobody_asked_for(
    event: Callable[[str], Any], new_notifier: Callable[..., Any]
) -> None:
    call = new_notifier(FAILED_BUILD, NOTIFY_ON="approval")
    call(event("action-failed"))
    assert call.aws.calls == []


def test_what_codepipeline_says_of_a_build_is_not_said_again(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    why = "Error while executing command: docker buildx build --push . Reason: exit status 1"
    words = (
        "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, "
        f"Message: {why}"
    )
    failed = action(
        "Build",
        "Docker",
        "CodeBuild",
        {"externalExecutionId": BUILD, "errorDetails": {"code": "JobFailed", "message": words}},
    )
    new_notifier(FAILED_BUILD | actions(failed))(event("pipeline-failed"))
    [message] = slack.posted()
    (reason,) = (
        block["text"]["text"]
        for block in message["blocks"]
        if block["type"] == "section" and block.get("text", {}).get("text", "").startswith("*Reas")
    )
    assert reason == f"*Reason*\n> {words}"


def test_without_time_the_message_goes_out_without_look_ups(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    call = new_notifier(FAILED_BUILD)
    call(event("action-failed"), seconds=15)
    assert [name for name, _ in call.aws.calls] == ["ssm.GetParameter"]
    assert len(slack.posted()) == 1


def test_look_ups_that_answer_nonsense_cost_nothing_but_themselves(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any, capsys: Any
) -> None:
    call = new_notifier(
        {"codepipeline.ListActionExecutions": ConnectionError("AKIAIOSFODNN7EXAMPLE")}
    )
    call(event("pipeline-failed"))
    assert len(slack.posted()) == 1
    log = capsys.readouterr().out
    assert "Look-up failed" in log
    assert "AKIA" not in log


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"actionExecutionDetails": [None]},
        {"actionExecutionDetails": [{"status": "Failed", "input": None, "output": "x"}]},
        {"actionExecutionDetails": 1},
    ],
)
def test_answers_of_another_shape_cost_nothing_but_themselves(
    answer: Any,
    event: Callable[[str], Any],
    new_notifier: Callable[..., Any],
    slack: Any,
    capsys: Any,
) -> None:
    class Strange:
        def get_parameter(self, **_: Any) -> Any:
            return {"Parameter": {"Value": slack.origin + "/services/x"}}

        def __getattr__(self, operation: str) -> Any:
            return lambda **_: answer

    new_notifier(clients=lambda service: Strange())(event("pipeline-failed"))
    assert len(slack.posted()) == 1
    # Structured logs: each line is one JSON object.
    assert {
        isinstance(json.loads(line), dict) for line in capsys.readouterr().out.splitlines()
    } == {True}


def test_a_command_of_many_lines_is_shown_by_its_first(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    script = 'push() {\n  docker buildx build --push\n}\npush "$TAG"\n'
    build = FAILED_BUILD["codebuild.BatchGetBuilds"]["builds"][0]
    phase = {
        "phaseType": "BUILD",
        "phaseStatus": "FAILED",
        "contexts": [
            {
                "statusCode": "COMMAND_EXECUTION_ERROR",
                "message": f"Error while executing command: {script}. Reason: exit status 1",
            }
        ],
    }
    said = [
        "the cause",
        f"[Container] 2026/11/20 10:02:39 Command did not exit successfully {script} exit status 1",
        "[Container] 2026/11/20 10:02:39 Phase complete: BUILD State: FAILED",
    ]
    answers = {
        **FAILED_BUILD,
        "codebuild.BatchGetBuilds": {"builds": [{**build, "phases": [phase]}]},
        "logs.GetLogEvents": {"events": [{"message": line + "\n"} for line in said]},
    }
    new_notifier(answers)(event("action-failed"))
    (message,) = slack.posted()
    reason, log = (
        block["text"]["text"]
        for block in message["blocks"]
        if "Reason" in str(block) or "```" in str(block)
    )
    assert "Error while executing command: push() { …. Reason: exit status 1" in reason
    assert "docker buildx" not in reason
    assert log == "```\nthe cause\n```"
