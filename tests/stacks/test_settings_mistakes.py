"""Mistakes that people make, each with what it is answered."""

import itertools
import json
from typing import Any

import pytest

from container_pipelines.service.service_options import check_fargate_size
from stacks import Settings
from stacks._secrets import plain_secrets
from stacks.container_settings import FARGATE_MEMORY
from tests.mistakes import mistakes

GITHUB = {"type": "github", "repository": "acme/shop"}
EXISTING_PLATFORM = {
    "vpc_id": "vpc-0a",
    "availability_zones": ["eu-west-1a", "eu-west-1b"],
    "private_subnet_ids": ["subnet-0a", "subnet-0b"],
    "cluster_name": "c",
    "listener_arn": "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/a/b/c",
    "load_balancer_security_group_id": "sg-0a",
}
EXISTING_SERVICE = {
    "cluster_name": "c",
    "service_name": "s",
    "container_name": "app",
    "task_role_arns": ["arn:aws:iam::111122223333:role/r"],
}
PLACE = {"account": "111122223333", "region": "us-east-1"}


def with_service(**service: Any) -> dict[str, Any]:
    return {"services": [{"name": "shop", "source": GITHUB, **service}]}


def with_all(**settings: Any) -> dict[str, Any]:
    return {**with_service(), **settings}


def window(cron: str = "* * * ? * *", time_zone: str = "UTC") -> dict[str, Any]:
    return with_service(release={"deployment_window": {"cron": cron, "time_zone": time_zone}})


NULL = "must not be null: give it a value, or leave it out"

MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a region that there is not": (
        with_all(environment={"account": "111122223333", "region": "eu-wets-1"}),
        [
            (
                "environment.region: must be a region that AWS CDK knows, got 'eu-wets-1': did you "
                "mean 'eu-west-1'?"
            )
        ],
    ),
    "a region that nothing is like": (
        with_all(environment={"account": "111122223333", "region": "tokyo"}),
        [
            (
                "environment.region: must be a region that AWS CDK knows, got 'tokyo': write it "
                "like 'eu-west-1'"
            )
        ],
    ),
    "an account as a number": (
        with_all(environment={"account": 111122223333, "region": "eu-west-1"}),
        ["environment.account: must be a text, in quotes, got 111122223333"],
    ),
    "a certificate of another region": (
        with_all(
            environment=PLACE,
            platform={"certificate_arn": "arn:aws:acm:eu-west-1:111122223333:certificate/0a"},
        ),
        [
            (
                "platform.certificate_arn: must be of environment.region (us-east-1), where the "
                "stacks go, got one of eu-west-1"
            )
        ],
    ),
    "a certificate of another service": (
        with_all(platform={"certificate_arn": "arn:aws:iam::111122223333:server-certificate/x"}),
        [
            (
                "platform.certificate_arn: must be the ARN of a certificate, "
                "'arn:aws:acm:<region>:<account>:certificate/<id>', got "
                "'arn:aws:iam::111122223333:server-certificate/x'"
            )
        ],
    ),
    "a key of another region": (
        with_all(
            environment=PLACE, logs={"kms_key_arn": "arn:aws:kms:eu-west-1:111122223333:key/0a"}
        ),
        [
            (
                "logs.kms_key_arn: must be of environment.region (us-east-1), where the stacks go, "
                "got one of eu-west-1"
            )
        ],
    ),
    "an alias in the place of a key": (
        with_all(logs={"kms_key_arn": "alias/mine"}),
        [
            (
                "logs.kms_key_arn: must be the ARN of a key, "
                "'arn:aws:kms:<region>:<account>:key/<id>', got 'alias/mine'"
            )
        ],
    ),
    "a platform in another region": (
        with_all(environment=PLACE, platform={"existing": EXISTING_PLATFORM}),
        [
            (
                "platform.existing.listener_arn: must be of environment.region (us-east-1), where "
                "the stacks go, got one of eu-west-1"
            ),
            (
                "platform.existing.availability_zones[0]: must be a zone of environment.region "
                "(us-east-1), got 'eu-west-1a'"
            ),
            (
                "platform.existing.availability_zones[1]: must be a zone of environment.region "
                "(us-east-1), got 'eu-west-1b'"
            ),
        ],
    ),
    "a misspelt time zone": (
        window(time_zone="Europe/Berln"),
        [
            (
                "services[0].release.deployment_window.time_zone: must be a time zone that there "
                "is, got 'Europe/Berln': did you mean 'Europe/Berlin'?"
            )
        ],
    ),
    "a time zone in another notation": (
        window(time_zone="GMT+1"),
        [
            (
                "services[0].release.deployment_window.time_zone: must be 1 to 100 characters: "
                "'Region/City' such as 'Europe/Berlin', 'UTC', 'UTC+05:30' or an abbreviation such "
                "as 'EST'; got 'GMT+1'"
            )
        ],
    ),
    "a cron expression of five fields": (
        window(cron="0 9 * * *"),
        [
            (
                "services[0].release.deployment_window.cron: must have 6 or 7 fields (seconds, "
                "minutes, hours, day of month, month, day of week, year), got '0 9 * * *'; write "
                "it like '* * 9-16 ? * MON-THU *'"
            )
        ],
    ),
    "a cron expression with an hour too many": (
        window(cron="* * 9-24 ? * *"),
        [
            (
                "services[0].release.deployment_window.cron: must have hours up to 23 in the "
                "notation of the rule's reference, got '9-24' in '* * 9-24 ? * *'; write it like "
                "'* * 9-16 ? * MON-THU *'"
            )
        ],
    ),
    "null for a section": (
        with_service(container=None, build=None),
        [
            "services[0].container: must not be null: give it a value, or leave it out",
            "services[0].build: must not be null: give it a value, or leave it out",
        ],
    ),
    "null for a value": (
        with_service(health_check={"path": None}, priority=None),
        [
            "services[0].priority: must not be null: give it a value, or leave it out",
            "services[0].health_check.path: must not be null: give it a value, or leave it out",
        ],
    ),
    "null in a list and an object": (
        with_service(build={"test_command": ["npm", None]}, container={"environment": {"A": None}}),
        [
            (
                "services[0].build.test_command[1]: must not be null: give it a value, or leave it "
                "out"
            ),
            (
                "services[0].container.environment.A: must not be null: give it a value, or leave "
                "it out"
            ),
        ],
    ),
    "null at the top": (
        with_all(platform=None, environment=None),
        [
            "platform: must not be null: give it a value, or leave it out",
            "environment: must not be null: give it a value, or leave it out",
        ],
    ),
    "a variable with a space": (
        with_service(container={"environment": {"MY VAR": "x"}}),
        [
            (
                "services[0].container.environment: must have names of letters, digits, '_', '.' "
                "and '-', got 'MY VAR'"
            )
        ],
    ),
    "a secret variable with an equals sign": (
        with_service(container={"secret_parameters": {"A=B": "/a"}}),
        [
            (
                "services[0].container.secret_parameters: must have names of letters, digits, '_', "
                "'.' and '-', got 'A=B'"
            )
        ],
    ),
    "PORT as a secret": (
        with_service(container={"secret_parameters": {"PORT": "/a"}}),
        [
            (
                "services[0].container.secret_parameters: must not set 'PORT', which has the "
                "container's port: set port instead"
            )
        ],
    ),
    "a variable that is plain and secret": (
        with_service(container={"environment": {"A": "x"}, "secret_parameters": {"A": "/a"}}),
        [
            (
                "services[0].container.environment: must not repeat names of secret_parameters, "
                "got A in both: keep one"
            )
        ],
    ),
    "a build argument with a space": (
        with_service(build={"arguments": {"MY ARG": "x"}}),
        [
            (
                "services[0].build.arguments: must be 1 to 128 characters: names of ARG: letters, "
                "digits and '_'; got 'MY ARG'"
            )
        ],
    ),
    "a secret of the Dockerfile with a slash": (
        with_service(build={"secret_parameters": {"a/b": "/a"}}),
        [
            (
                "services[0].build.secret_parameters: must have ids of letters, digits, '_', '.' "
                "and '-', got 'a/b'"
            )
        ],
    ),
    "a Dockerfile outside of the source": (
        with_service(build={"dockerfile": "../Dockerfile", "context": "/src"}),
        [
            (
                "services[0].build.dockerfile: must be 1 to 1024 characters: a path below the "
                "source's root, without '..'; got '../Dockerfile'"
            ),
            (
                "services[0].build.context: must be 1 to 1024 characters: a path below the "
                "source's root, without '..'; got '/src'"
            ),
        ],
    ),
    "a stage with a space": (
        with_service(build={"target": "my stage"}),
        [
            (
                "services[0].build.target: must be 1 to 128 characters: the name of a stage, as in "
                "'FROM ... AS name'; got 'my stage'"
            )
        ],
    ),
    "one platform twice": (
        with_service(build={"platforms": ["amd64", "amd64"]}),
        ["services[0].build.platforms: must name each once, got amd64 more than once"],
    ),
    "layers of two platforms in the image": (
        with_service(build={"platforms": ["amd64", "arm64"], "layer_cache": "image"}),
        [
            (
                "services[0].build.layer_cache: must be 'registry' for an image for two platforms, "
                "got 'image'; omit it"
            )
        ],
    ),
    "a command as one text": (
        with_service(build={"test_command": "npm test"}),
        ["services[0].build.test_command: must be a list, got 'npm test'"],
    ),
    "a prefix with capitals": (
        with_service(build={"pull_through_cache": "Docker-Hub"}),
        [
            (
                "services[0].build.pull_through_cache: must be 2 to 30 characters: lower-case "
                "letters, digits, and single '.', '_', '-' or '/' between them; got 'Docker-Hub'"
            )
        ],
    ),
    "a finding without a number": (
        with_service(
            build={"scan": {"allow": [{"id": "CVE", "reason": "x", "expires": "2027-01-31"}]}}
        ),
        [
            (
                "services[0].build.scan.allow[0].id: must be 1 to 128 characters: the ID of one "
                "finding, such as 'CVE-2026-12345' or 'GHSA-xxxx-xxxx-xxxx'; got 'CVE'"
            )
        ],
    ),
    "a finding twice": (
        with_service(
            build={
                "scan": {
                    "allow": [
                        {"id": "CVE-2026-1234", "reason": "x", "expires": "2027-01-31"},
                        {"id": "cve-2026-1234", "reason": "y", "expires": "2027-01-31"},
                    ]
                }
            }
        ),
        [
            (
                "services[0].build.scan.allow: must name each finding once, got CVE-2026-1234 more "
                "than once: keep the entry that holds longest"
            )
        ],
    ),
    "a day that there is not": (
        with_service(
            build={
                "scan": {"allow": [{"id": "CVE-2026-1234", "reason": "x", "expires": "2027-02-30"}]}
            }
        ),
        [
            (
                "services[0].build.scan.allow[0].expires: must be a day such as '2027-01-31', got "
                "'2027-02-30'"
            )
        ],
    ),
    "more findings than a build can be told": (
        with_service(
            build={
                "scan": {
                    "allow": [
                        {"id": f"CVE-2026-{1000 + n}", "reason": "x" * 400, "expires": "2027-01-31"}
                        for n in range(9)
                    ]
                }
            }
        ),
        [
            (
                "services[0].build.scan.allow: must together have at most 3900 characters, got "
                "4176: shorten the reasons, or drop what has been fixed"
            )
        ],
    ),
    "memory that Fargate has not": (
        with_service(container={"cpu": 1024}),
        [
            (
                "services[0].container.memory: must be from 2048 to 8192 in Fargate's steps with "
                "cpu 1024, got 512: the nearest is 2048"
            )
        ],
    ),
    "memory between two steps": (
        with_service(container={"cpu": 8192, "memory": 17000}),
        [
            (
                "services[0].container.memory: must be from 16384 to 61440 in Fargate's steps with "
                "cpu 8192, got 17000: the nearest is 16384"
            )
        ],
    ),
    "a user by name": (
        with_service(container={"user": "node"}),
        [
            (
                "services[0].container.user: must be the number of a user that is not root, with a "
                "group if need be: '1000:1000', got 'node'"
            )
        ],
    ),
    "root": (
        with_service(container={"user": "0"}),
        [
            (
                "services[0].container.user: must be the number of a user that is not root, with a "
                "group if need be: '1000:1000', got '0'"
            )
        ],
    ),
    "a path with a space": (
        with_service(path_pattern="/my shop/*"),
        ["services[0].path_pattern: must not have spaces, got '/my shop/*'"],
    ),
    "a health check with a space": (
        with_service(health_check={"path": "/is ok"}),
        ["services[0].health_check.path: must not have spaces, got '/is ok'"],
    ),
    "a path that is too long": (
        with_service(path_pattern="/" + "x" * 128),
        [
            (
                "services[0].path_pattern: must have at most 128 characters, got "
                "'/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"
            )
        ],
    ),
    "percent of one step": (
        with_service(
            strategy="blue-green",
            blue_green={"traffic_shift": {"type": "all-at-once", "percent": 10, "minutes": 1}},
        ),
        [
            (
                "services[0].blue_green.traffic_shift.minutes: must be left out with the type "
                "'all-at-once', which has one step alone: remove it, or set the type 'linear' or "
                "'canary'"
            ),
            (
                "services[0].blue_green.traffic_shift.percent: must be left out with the type "
                "'all-at-once', which has one step alone: remove it, or set the type 'linear' or "
                "'canary'"
            ),
        ],
    ),
    "two per cent with ECS": (
        with_service(strategy="blue-green", blue_green={"traffic_shift": {"percent": 2}}),
        [
            (
                "services[0].blue_green.traffic_shift.percent: must be from 3 to 100 in steps of "
                "0.1 for ECS's linear shifts, got 2"
            )
        ],
    ),
    "a part of a tenth with ECS": (
        with_service(
            strategy="blue-green",
            blue_green={"traffic_shift": {"type": "canary", "percent": 10.05}},
        ),
        [
            (
                "services[0].blue_green.traffic_shift.percent: must be from 0.1 to 100 in steps of "
                "0.1 for ECS's canary shifts, got 10.05"
            )
        ],
    ),
    "a day's canary with ECS": (
        with_service(
            strategy="blue-green",
            blue_green={"traffic_shift": {"type": "canary", "minutes": 1441}, "keep_minutes": 1441},
        ),
        [
            "services[0].blue_green.traffic_shift.minutes: must be at most 1440 for ECS, got 1441",
            "services[0].blue_green.keep_minutes: must be at most 1440 for ECS, got 1441",
        ],
    ),
    "half a per cent with CodeDeploy": (
        with_service(
            strategy="blue-green",
            blue_green={"engine": "code-deploy", "traffic_shift": {"percent": 12.5}},
        ),
        [
            (
                "services[0].blue_green.traffic_shift.percent: must be a whole number from 1 to 99 "
                "for CodeDeploy, got 12.5"
            )
        ],
    ),
    "no time between steps with CodeDeploy": (
        with_service(
            strategy="blue-green",
            blue_green={"engine": "code-deploy", "traffic_shift": {"minutes": 0}},
        ),
        [
            (
                "services[0].blue_green.traffic_shift.minutes: must be at least 1 for CodeDeploy, "
                "got 0"
            )
        ],
    ),
    "steps for three days with CodeDeploy": (
        with_service(
            strategy="blue-green",
            blue_green={"engine": "code-deploy", "traffic_shift": {"minutes": 480}},
        ),
        [
            (
                "services[0].blue_green.traffic_shift: must take at most 2880 minutes from the "
                "first step to the last for CodeDeploy, got 4320: take larger steps, or fewer "
                "minutes"
            )
        ],
    ),
    "a week with CodeDeploy": (
        with_service(
            strategy="blue-green",
            blue_green={
                "engine": "code-deploy",
                "traffic_shift": {"minutes": 300},
                "keep_minutes": 2880,
                "approval_minutes": 2880,
            },
        ),
        [
            (
                "services[0].blue_green: traffic_shift, keep_minutes and approval_minutes must "
                "together take at most 7200 minutes, after which CodePipeline ends the action, got "
                "8460: shorten them"
            )
        ],
    ),
    "less time than the shift takes": (
        with_service(strategy="blue-green", deployment_timeout_minutes=15),
        [
            (
                "services[0].deployment_timeout_minutes: must be at least 19, which traffic_shift, "
                "keep_minutes, probe and pause_minutes take, and 5 to start tasks, got 15: raise "
                "it, or leave it out"
            )
        ],
    ),
    "a response to alarms that nobody watches": (
        with_service(release={"alarms": {"names": ["a"], "on_alarm": "FAIL"}}),
        [
            (
                "services[0].release.alarms.on_alarm: must come with watch_minutes, the time in "
                "which an alarm after a deployment is responded to: add that, or leave it out"
            )
        ],
    ),
    "an alarm twice": (
        with_service(release={"alarms": {"names": ["a", "b", "a"]}}),
        ["services[0].release.alarms.names: must name each once, got a more than once"],
    ),
    "a pattern included and excluded": (
        with_service(release={"triggers": [{"branches": ["main"], "branches_excluded": ["main"]}]}),
        [
            (
                "services[0].release.triggers[0].branches_excluded: must not repeat what "
                "'branches' includes, got 'main' in both; exclusion wins, so drop it from one of "
                "them"
            )
        ],
    ),
    "a pattern twice": (
        with_service(pull_requests={"file_paths": ["a/**", "a/**"]}),
        [
            (
                "services[0].pull_requests.file_paths: must name each pattern once, got 'a/**' "
                "more than once; drop the repetition"
            )
        ],
    ),
    "tags with file paths": (
        with_service(release={"triggers": [{"tags": ["v*"], "file_paths": ["a/**"]}]}),
        [
            (
                "services[0].release.triggers[0].tags: must come without branches and file paths, "
                "got file_paths as well; make two triggers of it"
            )
        ],
    ),
    "a branch with its reference": (
        with_service(source={**GITHUB, "branch": "refs/heads/main"}),
        [
            (
                "services[0].source.branch: must be the branch's short name, got "
                "'refs/heads/main': write 'main'"
            )
        ],
    ),
    "a branch with two dots": (
        with_service(source={**GITHUB, "branch": "a..b"}),
        [
            (
                "services[0].source.branch: must be the name of a Git branch, such as 'main', got "
                "'a..b'"
            )
        ],
    ),
    "a repository's address": (
        with_service(source={**GITHUB, "repository": "https://github.com/acme/shop"}),
        [
            (
                "services[0].source.repository: must be 'owner/name', as in the repository's "
                "address, got 'https://github.com/acme/shop'"
            )
        ],
    ),
    "a connection of CodeCommit": (
        with_service(
            source={
                "type": "codecommit",
                "repository": "shop",
                "connection_arn": "arn:aws:codeconnections:eu-west-1:111122223333:connection/0a",
            }
        ),
        [
            (
                "services[0].source.connection_arn: is not a setting; those here are branch, "
                "full_clone, type, repository"
            )
        ],
    ),
    "an address of mail twice": (
        with_all(monitoring={"emails": ["a@example.com", "a@example.com"]}),
        ["monitoring.emails: must name each once, got a@example.com more than once"],
    ),
    "a channel by name": (
        with_all(monitoring={"slack": {"parameter": "/a", "channel": "#alerts"}}),
        [
            (
                "monitoring.slack.channel: must be a channel's id such as 'C0123456789', not its "
                "name, got '#alerts'"
            )
        ],
    ),
    "a container's settings one level up": (
        with_service(port=8080),
        ["services[0].port: is not a setting; did you mean 'container.port'?"],
    ),
    "a narrow path after a wide one": (
        {
            "services": [
                {"name": "all", "source": GITHUB},
                {"name": "api", "source": GITHUB, "path_pattern": "/api/*", "priority": 200},
            ]
        },
        [
            (
                "services[1].priority: must let the service get requests, got 200: services[0] "
                "('/*' at 100) is asked before and takes all of '/api/*'; give the narrower path "
                "the lower number"
            )
        ],
    ),
    "a path that another has": (
        {
            "services": [
                {"name": "one", "source": GITHUB, "path_pattern": "/a/*", "priority": 20},
                {"name": "two", "source": GITHUB, "path_pattern": "/a/*", "priority": 10},
            ]
        },
        [
            (
                "services[0].priority: must let the service get requests, got 20: services[1] "
                "('/a/*' at 10) is asked before and takes all of '/a/*'; give the narrower path "
                "the lower number"
            )
        ],
    ),
    "a priority that another has": (
        {
            "services": [
                {"name": "one", "source": GITHUB, "path_pattern": "/a/*"},
                {"name": "two", "source": GITHUB, "path_pattern": "/b/*"},
            ]
        },
        [
            (
                "services[1].priority: must be unique on the load balancer, got 100, which "
                "services[0] has as well: give one of them another"
            )
        ],
    ),
    "a setting of one engine with the other": (
        with_service(
            strategy="blue-green", blue_green={"engine": "code-deploy", "pause_minutes": 5}
        ),
        [
            (
                "services[0].blue_green.pause_minutes: must be left out with the engine "
                "'code-deploy', got 5: set approval_minutes, by which that engine waits for "
                "somebody"
            )
        ],
    ),
    "a shell without a writable file system": (
        with_service(container={"execute_command": True}),
        [
            (
                "services[0].container.read_only_root_filesystem: must be false with "
                "execute_command, whose agent writes to the container's file system: set it while "
                "people need a shell"
            )
        ],
    ),
    "a task that stops for too long": (
        with_service(container={"stop_timeout_seconds": 121}),
        ["services[0].container.stop_timeout_seconds: must be at most 120, got 121"],
    ),
    "a secret for tasks by its name": (
        with_service(container={"secrets": {"KEY": "my-app/key"}}),
        [
            (
                "services[0].container.secrets.KEY: must be a secret's complete ARN, with the six "
                "characters at its end, which ECS needs: "
                "'arn:aws:secretsmanager:<region>:<account>:secret:my-app-AbCdEf', with ':field' "
                "after it for a field of its JSON"
            )
        ],
    ),
    "a secret for tasks without the end of its ARN": (
        with_service(
            container={
                "secrets": {"KEY": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:my-app"}
            }
        ),
        [
            (
                "services[0].container.secrets.KEY: must be a secret's complete ARN, with the six "
                "characters at its end, which ECS needs: "
                "'arn:aws:secretsmanager:<region>:<account>:secret:my-app-AbCdEf', with ':field' "
                "after it for a field of its JSON"
            )
        ],
    ),
    "a variable from both stores": (
        with_service(
            container={
                "secrets": {
                    "KEY": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:my-app-AbCdEf"
                },
                "secret_parameters": {"KEY": "/key"},
            }
        ),
        [
            (
                "services[0].container.secret_parameters: must not repeat names of secrets, got "
                "KEY in both: keep one"
            )
        ],
    ),
    "a secret for builds by its ARN": (
        with_service(
            build={
                "secrets": {
                    "npm": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:npm-AbCdEf"
                }
            }
        ),
        [
            (
                "services[0].build.secrets.npm: must be a secret's name in Secrets Manager, or "
                "'name:field' for a field of its JSON"
            )
        ],
    ),
    "a secret of the Dockerfile from both stores": (
        with_service(build={"secrets": {"npm": "npm"}, "secret_parameters": {"npm": "/npm"}}),
        ["services[0].build.secrets: must not repeat ids of secret_parameters, got npm in both"],
    ),
    "a login from both stores": (
        with_service(build={"docker_hub": {"secret": "hub", "user_parameter": "/user"}}),
        [
            (
                "services[0].build.docker_hub.user_parameter: must be left out with secret, which "
                "has both"
            )
        ],
    ),
    "a field without a secret": (
        with_service(build={"docker_hub": {"user_field": "name"}}),
        [
            (
                "services[0].build.docker_hub.user_field: must be left out without a secret, whose "
                "fields they name"
            )
        ],
    ),
    "a buildspec and what it decides": (
        with_service(build={"buildspec": "buildspec.yml", "dockerfile": "Dockerfile", "scan": {}}),
        [
            (
                "services[0].build.dockerfile: must be left out with buildspec: it is for the "
                "library's, and the repository's own decides what it does"
            ),
            (
                "services[0].build.scan: must be left out with buildspec: it is for the library's, "
                "and the repository's own decides what it does"
            ),
        ],
    ),
    "a buildspec outside of the source": (
        with_service(build={"buildspec": "../buildspec.yml"}),
        [
            (
                "services[0].build.buildspec: must be the path of a YAML file below the source's "
                "root, such as 'buildspec.yml', got '../buildspec.yml'"
            )
        ],
    ),
    "a buildspec and pull requests": (
        with_service(build={"buildspec": "buildspec.yml"}, pull_requests={}),
        [
            (
                "services[0].pull_requests: must be left out with build.buildspec: the one that a "
                "pull request brings along would run with the permissions of the build"
            )
        ],
    ),
    "how many images stay in a repository that is there": (
        with_service(images={"existing_repository": "mine", "keep": 9}),
        [
            (
                "services[0].images.keep: must be left out with existing_repository, whose own "
                "lifecycle policy decides"
            )
        ],
    ),
    "a repository with its registry": (
        with_service(
            images={"existing_repository": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/mine"}
        ),
        [
            (
                "services[0].images.existing_repository: must be the name of an ECR repository, "
                "without the registry's address, got "
                "'111122223333.dkr.ecr.eu-west-1.amazonaws.com/mine'"
            )
        ],
    ),
    "a repository of two services": (
        {
            "services": [
                {
                    "name": "one",
                    "source": GITHUB,
                    "images": {"existing_repository": "two"},
                    "path_pattern": "/1",
                },
                {
                    "name": "two",
                    "source": GITHUB,
                    "images": {"existing_repository": "two"},
                    "priority": 2,
                    "path_pattern": "/2",
                },
            ]
        },
        [
            (
                "services[0].images.existing_repository: must be the repository of one service, "
                "got 'two', which services[1] has: releases mark in it which image is live"
            )
        ],
    ),
    "a number of tasks beside scaling": (
        with_service(tasks=2, scaling={}),
        [
            (
                "services[0].tasks: must be left out with scaling, got 2: each deployment of the "
                "stack would reset what scaling has set; set scaling.min_tasks"
            )
        ],
    ),
    "requests of one target group with two": (
        with_service(strategy="blue-green", scaling={"requests_per_task": 100}),
        [
            (
                "services[0].scaling.requests_per_task: must be left out with the strategy "
                "'blue-green': it counts the requests of one target group, and traffic changes "
                "between two; set cpu_percent or memory_percent"
            )
        ],
    ),
    "a command without an image that knows it": (
        with_service(container={"command": ["serve"]}),
        [
            (
                "services[0].container.seed_image: must be given with command, which the default "
                "seed image does not know: name an image that answers the health check when it "
                "runs that command"
            )
        ],
    ),
    "a disk that Fargate has anyway": (
        with_service(container={"ephemeral_storage_gib": 20}),
        ["services[0].container.ephemeral_storage_gib: must be at least 21, got 20"],
    ),
    "a client's task for a fortnight": (
        with_service(stickiness_minutes=20160),
        ["services[0].stickiness_minutes: must be at most 10080, got 20160"],
    ),
    "a host with its protocol": (
        with_service(host_headers=["https://shop.example.com"]),
        [
            (
                "services[0].host_headers[0]: must be a host name such as 'shop.example.com', with "
                "'*' and '?' as wildcards, got 'https://shop.example.com'"
            )
        ],
    ),
    "codes in another notation": (
        with_service(health_check={"healthy_codes": "2xx"}),
        [
            (
                "services[0].health_check.healthy_codes: must be codes from 200 to 499 such as "
                "'200', '200,302' or '200-299', got '2xx'"
            )
        ],
    ),
    "a shift of a service that is there": (
        with_service(
            strategy="blue-green", existing_service=EXISTING_SERVICE, blue_green={"keep_minutes": 9}
        ),
        [
            (
                "services[0].blue_green.keep_minutes: must be left out with existing_service, "
                "whose own strategy ECS follows"
            )
        ],
    ),
    "CodeDeploy for a service that is there": (
        with_service(
            strategy="blue-green",
            existing_service=EXISTING_SERVICE,
            blue_green={"engine": "code-deploy"},
        ),
        [
            (
                "services[0].blue_green.engine: must be 'ecs' with existing_service, got "
                "'code-deploy': CodeDeploy's files are made from a task definition of this app; "
                "have the service made, or release it by a BlueGreenPipeline of your own"
            )
        ],
    ),
    "builds in the VPC of no platform": (
        with_service(existing_service=EXISTING_SERVICE, build={"in_vpc": True}),
        [
            (
                "services[0].build.in_vpc: must come with platform.existing, the VPC that builds "
                "run in, where the app makes no platform"
            )
        ],
    ),
    "a list in the place of an object": (
        with_service(container=[{"port": 8080}]),
        ["services[0].container: must be an object"],
    ),
    "a text in the place of an object": (
        with_service(source="acme/shop"),
        ["services[0].source: must be an object, got 'acme/shop'"],
    ),
    "an object in the place of a list": (
        {"services": {"shop": {"source": GITHUB}}},
        ["services: must be a list"],
    ),
}


@pytest.mark.parametrize(("settings", "lines"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(settings: dict[str, Any], lines: list[str]) -> None:
    assert mistakes(settings) == lines


def test_mistakes_of_all_levels_are_told_at_once() -> None:
    """Those that only show beside others are not hidden by those of a single setting."""
    shop = {
        "name": "shop",
        "source": {**GITHUB, "branch": "a b"},
        "container": {"port": 0, "cpu": 1024, "memory": 512},
        "health_check": {"interval_seconds": 5, "timeout_seconds": 5, "path": "up"},
        "scaling": {"min_tasks": 3, "max_tasks": 2},
        "build": {"platforms": ["arm64"], "timeout_minutes": 1},
    }
    other = {"name": "other", "source": GITHUB, "path_pattern": "/other/*"}
    found = mistakes(with_all(services=[shop, other], monitoring={"slack": {}}, logs={"days": 3}))
    assert [line.partition(": ")[0] for line in found] == [
        "logs.days",
        "monitoring.slack",
        "services[0].source.branch",
        "services[0].build.timeout_minutes",
        "services[0].container.port",
        "services[0].health_check.path",
        "services[0].scaling.min_tasks",
        "services[0].container.memory",
        "services[0].health_check.timeout_seconds",
        "services[0].build.platforms",
        "services[1].priority",
    ]


@pytest.mark.parametrize(
    ("service", "line"),
    [
        # Not also that blue_green is for another strategy, or pause_minutes for another engine.
        (
            {"strategy": "bluegreen", "blue_green": {"pause_minutes": 5}},
            "services[0].strategy: must be 'rolling' or 'blue-green', got 'bluegreen'",
        ),
        (
            {"strategy": "blue-green", "blue_green": {"engine": "ECS", "approval_minutes": 5}},
            "services[0].blue_green.engine: must be 'ecs' or 'code-deploy', got 'ECS'",
        ),
        (
            {"container": {"cpu": 300, "memory": 8192}},
            "services[0].container.cpu: must be 256, 512, 1024, 2048, 4096, 8192 or 16384, got 300",
        ),
        (
            {"container": {"architecture": "arm"}, "build": {"platforms": ["arm64"]}},
            "services[0].container.architecture: must be 'amd64' or 'arm64', got 'arm'",
        ),
    ],
)
def test_one_mistake_is_told_once(service: dict[str, Any], line: str) -> None:
    assert mistakes(with_service(**service)) == [line]


SECRETS = [
    "xoxb-123-456-abcdef",
    "https://hooks.slack.com/services/T0/B0/xyz",
    "ghp_" + "a1" * 18,
    "dckr_pat_" + "aB3" * 9,
    "AKIAIOSFODNN7EXAMPLE",
    "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "hunter2!",
    "two words",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    ("where", "settings"),
    [
        (
            "services[0].build.docker_hub.token_parameter",
            lambda secret: with_service(build={"docker_hub": {"token_parameter": secret}}),
        ),
        (
            "services[0].build.secret_parameters.npm",
            lambda secret: with_service(build={"secret_parameters": {"npm": secret}}),
        ),
        (
            "services[0].pull_requests.secret_parameters.npm",
            lambda secret: with_service(pull_requests={"secret_parameters": {"npm": secret}}),
        ),
        (
            "services[0].container.secret_parameters.KEY",
            lambda secret: with_service(container={"secret_parameters": {"KEY": secret}}),
        ),
        (
            "monitoring.slack.parameter",
            lambda secret: with_all(monitoring={"slack": {"parameter": secret}}),
        ),
        (
            "monitoring.slack.secret",
            lambda secret: with_all(monitoring={"slack": {"secret": secret}}),
        ),
        (
            "monitoring.slack.webhook",
            lambda secret: with_all(monitoring={"slack": {"parameter": "/a", "webhook": secret}}),
        ),
        (
            "services[0].container.environment",
            lambda secret: with_service(container={"environment": secret}),
        ),
        (
            "services[0].container.secret_parameters.KEY",
            lambda secret: with_service(container={"secret_parameters": {"KEY": [secret]}}),
        ),
    ],
)
def test_a_secret_is_never_shown(secret: str, where: str, settings: Any) -> None:
    (line,) = mistakes(settings(secret))
    assert line.startswith(f"{where}: ")
    assert secret not in line


def test_a_secret_is_not_shown_in_any_other_place_either() -> None:
    (line,) = mistakes(with_service(build={"docker_hub": "dckr_pat_" + "aB3" * 9}))
    assert line == "services[0].build.docker_hub: must be an object"


@pytest.mark.parametrize(
    "name", ["/codebuild/dockerhub-token", "npm_token", "my-app.token", "/a/b/c", "SLACK_WEBHOOK"]
)
def test_a_name_is_no_secret(name: str) -> None:
    settings = with_service(container={"secret_parameters": {"KEY": name}})
    (service,) = Settings.from_context(settings).services
    assert service.container is not None
    assert service.container.secret_parameters == {"KEY": name}


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", "x", True),
        ("AWS_SECRET_ACCESS_KEY", "x", True),
        ("NPM_TOKEN", "x", True),
        ("apiKey", "x", True),
        ("DATABASE_URL", "postgres://user:pass@db/shop", True),
        ("SLACK", "https://hooks.slack.com/services/T0/B0/xyz", True),
        ("KEY", "AKIAIOSFODNN7EXAMPLE", True),
        ("NPM_TOKEN", "", False),
        ("PASSWORD_FILE", "/run/secrets/db", False),
        ("TOKEN_URL", "https://example.com/token", False),
        ("DATABASE_URL", "postgres://db/shop", False),
        ("AWS_ACCESS_KEY_ID", "id", False),
        ("SECRETS_PATH", "/a", False),
        ("STAGE", "production", False),
    ],
)
def test_what_looks_secret(name: str, value: str, secret: bool) -> None:
    assert plain_secrets({name: value}) == [name] * secret


def test_secrets_in_plain_text_are_warned_of(synthesize: Any, delivery: dict[str, Any]) -> None:
    (service,) = delivery["services"]
    service["container"]["environment"] = {"DB_PASSWORD": "hunter2", "STAGE": "prod"}
    service["build"] = {"arguments": {"NPM_TOKEN": "hunter2", "VERSION": "2"}}
    messages = {
        stack.stack_name.rpartition("-")[2]: [str(m.entry.data) for m in stack.messages]
        for stack in synthesize(delivery).stacks
    }
    ((environment,), (arguments,)) = messages["service"], messages["pipeline"]
    assert environment.startswith("container.environment has DB_PASSWORD, by the look of it secret")
    assert "container.secret_parameters" in environment
    assert arguments.startswith("build.arguments has NPM_TOKEN, by the look of it secret")
    assert "hunter2" not in json.dumps(messages)


def test_fargates_sizes_are_those_of_the_construct() -> None:
    """The settings say them without a construct."""
    candidates = {size for sizes in FARGATE_MEMORY.values() for size in sizes} | {256, 5000, 122881}
    for cpu, memory in itertools.product([*FARGATE_MEMORY, 128, 300], candidates):
        refused = False
        try:
            check_fargate_size(cpu, memory)
        except ValueError:
            refused = True
        assert refused is (memory not in FARGATE_MEMORY.get(cpu, ())), (cpu, memory)
