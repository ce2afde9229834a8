import aws_cdk as cdk
import pytest
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Template

from container_pipelines import BuildSecret


def test_a_parameter() -> None:
    variable = BuildSecret.from_parameter_store("/my-app/npm-token").variable
    assert variable.value == "/my-app/npm-token"
    assert str(variable.type).endswith("PARAMETER_STORE")


@pytest.mark.parametrize(("field", "suffix"), [(None, ""), ("token", ":token")])
def test_a_secret_whole_or_by_field(field: str | None, suffix: str) -> None:
    stack = cdk.Stack()
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Secret", "my-secret")
    variable = BuildSecret.from_secret(secret, field=field).variable
    assert variable.value == secret.secret_arn + suffix
    assert str(variable.type).endswith("SECRETS_MANAGER")


@pytest.mark.parametrize(("field", "value"), [(None, "my-app/npm"), ("token", "my-app/npm:token")])
def test_a_secret_by_its_name_is_the_only_one_that_is_read(field: str | None, value: str) -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    secret = BuildSecret.from_secret_name("my-app/npm", field=field)
    assert secret.variable.value == value
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
    codebuild.Project.serialize_env_variables({"NPM": secret.variable}, True, role)
    (policy,) = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert statement["Resource"]["Fn::Join"][1][-1] == ":secret:my-app/npm-??????"


@pytest.mark.parametrize("name", ["", "a b", "my-app:token", "x" * 513])
def test_a_secret_name_must_be_one(name: str) -> None:
    with pytest.raises(ValueError, match="'secret_name' must be"):
        BuildSecret.from_secret_name(name)


def test_a_token_is_never_checked() -> None:
    assert BuildSecret.from_parameter_store(cdk.Aws.STACK_NAME)
    assert BuildSecret.from_secret_name(cdk.Aws.STACK_NAME)


@pytest.mark.parametrize("name", ["", "/", "a b", "/a//b", "x" * 1012])
def test_a_parameter_name_must_be_one(name: str) -> None:
    with pytest.raises(ValueError, match="'parameter_name' must be"):
        BuildSecret.from_parameter_store(name)


@pytest.mark.parametrize("field", ["", "a:b"])
def test_a_field_has_no_colon(field: str) -> None:
    secret = secretsmanager.Secret.from_secret_name_v2(cdk.Stack(), "Secret", "my-secret")
    with pytest.raises(ValueError, match=r"'field' must be .* a JSON key without ':'"):
        BuildSecret.from_secret(secret, field=field)
    with pytest.raises(ValueError, match=r"'field' must be .* a JSON key without ':'"):
        BuildSecret.from_secret_name("my-secret", field=field)
