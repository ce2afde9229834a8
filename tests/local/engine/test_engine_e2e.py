"""The private engine with a real registry: what a buildspec does, and what is left afterwards."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.engine import Engine, EngineUnavailableError, open_engine
from local.engine.base_images import load_base_images

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).parents[3]
CACHE = PROJECT / ".cache/engine"
ACCOUNT, REGION = "123456789012", "ap-northeast-1"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
APP = {
    "Dockerfile": """\
FROM node:24-alpine
RUN addgroup -S app && adduser -S app -G app
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev
COPY server.js ./
USER node
HEALTHCHECK --interval=1s CMD wget -qO- http://127.0.0.1:3000/ || exit 1
CMD ["server.js"]
""",
    "package.json": '{"name": "app", "version": "1.0.0"}',
    "package-lock.json": '{"name": "app", "version": "1.0.0", "lockfileVersion": 3, "packages": '
    '{"": {"name": "app", "version": "1.0.0"}}}',
    "server.js": "require('http').createServer((_, r) => r.end('hello')).listen(3000)",
}
# htpasswd: reader, "correct horse"
READER = "reader:$2b$04$3HkuQhnfk5/3DX6mtQNFbuv1NQT247T27BCtuv.fq7DVD8/6Zg8iW"


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with (tmp_path_factory.mktemp("ministack") / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env={**os.environ, **ministack_settings(port)},
            stdout=log,
            stderr=log,
        )
    try:
        wait_for_port(port)
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait()


def ministack_settings(port: int) -> dict[str, str]:
    return {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "MINISTACK_HOST": "127.0.0.1"}


def wait_for_port(port: int) -> None:
    for _ in range(600):
        with contextlib.suppress(ConnectionError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    pytest.fail("ministack does not start")


@pytest.fixture(scope="module")
def ecr(ministack: tuple[str, int]) -> Any:
    return boto3.client(
        "ecr",
        endpoint_url=f"http://{ministack[0]}:{ministack[1]}",
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="any",
    )


@contextlib.contextmanager
def private_engine(
    cache: Path, registry: tuple[str, int], htpasswd: Path | None = None
) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("CONTAINER_ENGINE", "private")
        try:
            engine = stack.enter_context(
                open_engine(
                    cache, registries={REGISTRY: registry}, progress=print, htpasswd=htpasswd
                )
            )
        except EngineUnavailableError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(error))
        yield engine


@pytest.fixture(scope="module")
def engine(ministack: tuple[str, int]) -> Iterator[Engine]:
    with private_engine(CACHE, ministack) as engine:
        yield engine


@pytest.fixture
def beside(engine: Engine, tmp_path: Path) -> Path:
    """Another cache folder, with what is expensive in common."""
    assert engine.kind == "private"
    for name in ("packages", "base-images"):
        (tmp_path / name).symlink_to(CACHE / name)
    return tmp_path


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    for name, text in APP.items():
        (folder / name).write_text(text)
    return folder


def docker(
    engine: Engine, *arguments: str | Path, cwd: Path | None = None, check: bool = True, **more: Any
) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **engine.environment},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **more,
    )
    assert not check or done.returncode == 0, done.stdout
    return done.stdout.strip()


def test_a_build_is_pushed_and_a_later_one_finds_its_cache(
    engine: Engine, ecr: Any, app: Path
) -> None:
    ecr.create_repository(repositoryName="cached/app", imageTagMutability="IMMUTABLE")
    image, cache = f"{REGISTRY}/cached/app", f"type=registry,ref={REGISTRY}/cached/app:buildcache"
    build = ("buildx", "build", "--progress=plain", "--push", "--cache-from", cache)

    docker(engine, "login", "--username", "AWS", "--password-stdin", REGISTRY, input="token")
    docker(
        engine,
        *build,
        *("--cache-to", f"{cache},mode=max,image-manifest=true,oci-mediatypes=true"),
        *("--metadata-file", "first.json", "--tag", f"{image}:abc1234", "--pull", "."),
        cwd=app,
    )
    digest = json.loads((app / "first.json").read_text())["containerimage.digest"]
    [pushed] = ecr.describe_images(repositoryName="cached/app", imageIds=[{"imageTag": "abc1234"}])[
        "imageDetails"
    ]
    assert pushed["imageDigest"] == digest
    assert f"Digest:    {digest}" in docker(
        engine, "buildx", "imagetools", "inspect", f"{image}:abc1234"
    )

    docker(engine, "buildx", "prune", "--all", "--force")
    (app / "server.js").write_text("process.exit(0)")
    output = docker(engine, *build, "--tag", f"{image}:abc1235", ".", cwd=app)
    steps = dict(re.findall(r"^#(\d+) \[\d/6\] (.*)$", output, re.MULTILINE))
    cached = {steps[number] for number in re.findall(r"^#(\d+) CACHED$", output, re.MULTILINE)}
    assert "RUN npm ci --omit=dev" in cached
    assert "COPY server.js ./" not in cached


def test_an_image_runs_and_gets_healthy(engine: Engine, app: Path) -> None:
    built = docker(engine, "build", "--quiet", "--iidfile", "id", ".", cwd=app)
    container = docker(engine, "run", "--detach", "--rm", built)
    try:
        for _ in range(100):
            health = docker(engine, "inspect", "--format", "{{.State.Health.Status}}", container)
            if health != "starting":
                break
            time.sleep(0.1)
        assert health == "healthy"
        assert docker(engine, "exec", container, "id", "-un") == "node"
    finally:
        docker(engine, "rm", "--force", container)


def test_base_images_carry_what_their_names_say(engine: Engine) -> None:
    assert engine.stand_ins == ("node:24-alpine",)
    add = "addgroup -g 1001 -S app && adduser -S worker -u 1001 -G app && addgroup node app"
    show = "node --version; npm --version; id -u node; grep app /etc/group"
    output = docker(
        engine,
        *("run", "--rm", "node:24-alpine", "sh", "-c"),
        f"{add}; {show}",
    )
    node, npm, user, group = output.splitlines()[-4:]
    assert re.fullmatch(r"v24\.\d+\.\d+", node)
    assert npm.startswith("11.")
    assert user == "1000"
    assert group == "app:x:1001:node"


def test_the_public_gallery_of_ecr_mirrors_them(engine: Engine, tmp_path: Path) -> None:
    gallery = "public.ecr.aws/docker/library/node:24-alpine"
    digest, hub = (
        docker(engine, "buildx", "imagetools", "inspect", image).partition("Digest:")[2].split()[0]
        for image in (gallery, "node:24-alpine")
    )
    assert digest == hub
    (tmp_path / "Dockerfile").write_text(
        'ARG DIGEST=""\nFROM public.ecr.aws/docker/library/node:24-alpine${DIGEST:+@${DIGEST}}\n'
    )
    build = ("build", "--quiet", "--pull", "--build-arg")
    assert docker(engine, *build, f"DIGEST={digest}", ".", cwd=tmp_path)
    assert docker(engine, *build, "DIGEST=", ".", cwd=tmp_path)
    absent = f"DIGEST=sha256:{'0' * 64}"
    assert "not found" in docker(engine, *build, absent, ".", cwd=tmp_path, check=False)


def test_a_builder_in_a_container_is_pulled_booted_and_built_with(
    beside: Path, ministack: tuple[str, int], ecr: Any, app: Path
) -> None:
    with private_engine(beside, ministack) as engine:
        docker(engine, "login", "--username", "AWS", "--password-stdin", REGISTRY, input="token")
        docker(engine, "buildx", "create", "--use", "--driver", "docker-container")
        ecr.create_repository(repositoryName="boxed/app")
        image = f"{REGISTRY}/boxed/app"
        build = ("buildx", "build", "--progress=plain", "--pull")
        cache = f"type=registry,ref={image}:buildcache,mode=max,image-manifest=true"
        output = docker(
            engine, *build, "--push", "--cache-to", cache, "--tag", f"{image}:1", ".", cwd=app
        )
        assert "pulling image moby/buildkit:buildx-stable-1" in output
        [container] = docker(
            engine, "ps", "--filter", "name=buildx_buildkit_", "--format", "{{.Image}}"
        ).splitlines()
        assert container == "moby/buildkit:buildx-stable-1"
        images = ecr.list_images(repositoryName="boxed/app")["imageIds"]
        assert {"1", "buildcache"} <= {each.get("imageTag") for each in images}
        # As on AWS, what such a builder makes is not in Docker unless it is asked for.
        docker(engine, *build, "--tag", "not-there", ".", cwd=app)
        assert docker(engine, "images", "--quiet", "not-there") == ""
        docker(engine, *build, "--load", "--tag", "there", ".", cwd=app)
        assert docker(engine, "run", "--rm", "there", "--version").startswith("v24.")
        docker(engine, "buildx", "rm")
        assert docker(engine, "ps", "--quiet", "--filter", "name=buildx_buildkit_") == ""


def test_a_syntax_line_is_understood(engine: Engine, app: Path) -> None:
    file, line = app / "Dockerfile", "# syntax=docker/dockerfile:1\n"
    file.write_text(
        f"{line}FROM node:24-alpine\nARG GREETING\nRUN <<END\necho $GREETING > /a\nEND\n"
    )
    build = ("build", "--quiet", "--pull", "--build-arg", "GREETING=hello", ".")
    built = docker(engine, *build, cwd=app)
    assert docker(engine, "run", "--rm", built, "cat", "/a") == "hello"

    file.write_text(f"{line}FROM node:24-alpine\nFORM nothing\n")
    assert "line 3: unknown instruction: FORM" in docker(engine, *build, cwd=app, check=False)
    file.write_text(f"{line}FROM node:24-alpine\nRUN exit 7\n")
    assert "exit code: 7" in docker(engine, *build, cwd=app, check=False)


def test_nothing_else_can_be_reached_and_that_is_known_at_once(engine: Engine) -> None:
    started = time.monotonic()
    output = docker(
        engine, "run", "--rm", "node:24-alpine", "wget", "-qO-", "http://x.invalid", check=False
    )
    assert "bad address" in output
    assert "not found" in docker(engine, "pull", "node:21-alpine", check=False)
    routes = docker(engine, "run", "--rm", "--network=host", "node:24-alpine", "ip", "route")
    assert routes.splitlines()[-1].startswith("172.30.98.0/24 dev docker0")
    assert "default" not in routes
    assert time.monotonic() - started < 8


def test_base_images_may_need_a_password(
    beside: Path, ministack: tuple[str, int], tmp_path: Path
) -> None:
    htpasswd = tmp_path / "htpasswd"
    htpasswd.write_text(READER)
    with private_engine(beside, ministack, htpasswd) as engine:
        docker(engine, "buildx", "create", "--name", "boxed")
        boot = ("buildx", "inspect", "--bootstrap", "boxed")
        assert "no basic auth credentials" in docker(engine, *boot, check=False)
        assert "node:24-alpine" not in docker(engine, "images")
        assert "no basic auth credentials" in docker(engine, "pull", "node:24-alpine", check=False)
        login = ("login", "--username", "reader", "--password-stdin")
        assert "401" in docker(engine, *login, input="wrong horse", check=False)
        docker(engine, *login, input="correct horse")
        docker(engine, "pull", "node:24-alpine")
        assert re.search(r"Status: +running", docker(engine, *boot))


def test_base_images_of_ones_own_come_from_an_archive(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "registry.example.com/team/base:1"
    (tmp_path / "Dockerfile").write_text("FROM node:24-alpine\nRUN echo mine >/base\n")
    docker(engine, "build", "--tag", name, tmp_path)
    docker(engine, "save", "--output", tmp_path / "base.tar", name)
    docker(engine, "image", "rm", name)
    (tmp_path / "Dockerfile").write_text(f"FROM {name}\nRUN cat /base\n")
    build = ("buildx", "build", "--progress", "plain", "--no-cache", tmp_path)
    assert "registry.example.com" in docker(engine, *build, check=False)
    monkeypatch.setenv("BASE_IMAGES", str(tmp_path / "base.tar"))
    try:
        assert load_base_images(engine.environment, print) == [name]
        assert " mine" in docker(engine, *build)
    finally:
        docker(engine, "image", "rm", name)


def test_an_engine_that_does_not_start_tells_why(
    beside: Path, ministack: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (beside / "runs/0").mkdir(parents=True)
    (beside / "runs/0/state").write_text("not a folder")
    monkeypatch.setenv("CONTAINER_ENGINE", "private")
    with (
        pytest.raises(EngineUnavailableError, match=r"did not start \(.*engine\.log\)(?s:.*)state"),
        open_engine(beside, registries={REGISTRY: ministack}, progress=print),
    ):
        pass
    assert not (beside / "runs/0/run").is_symlink()


OPEN = """
import subprocess, sys
from pathlib import Path
from local.engine import open_engine

cache, port = Path(sys.argv[1]), int(sys.argv[2])
with open_engine(cache, registries={sys.argv[3]: ("127.0.0.1", port)}, progress=print) as engine:
    docker = [engine.environment["PATH"].split(":")[0] + "/docker", "run", "--detach"]
    image = ["node:24-alpine", "sleep", "1000"]
    subprocess.run([*docker, *image], env={**engine.environment}, check=True)
    print("running", flush=True)
    sys.stdin.read()
"""


def test_a_killed_run_leaves_nothing_and_the_next_one_works(
    beside: Path, ministack: tuple[str, int]
) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", OPEN, str(beside), str(ministack[1]), REGISTRY],
        cwd=PROJECT,
        env={**os.environ, "CONTAINER_ENGINE": "private"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    assert "running\n" in run.stdout
    slot = beside / "runs/0"
    folder = (slot / "run").resolve()
    cgroup = json.loads((folder / "plan.json").read_text())["cgroup"]
    assert processes(str(folder))
    assert processes("sleep\0001000")

    run.send_signal(signal.SIGKILL)
    run.communicate()
    with (slot / "lock").open() as lock:  # its holder goes last
        fcntl.flock(lock, fcntl.LOCK_EX)
    assert processes(str(folder)) == processes("sleep\0001000") == []
    assert not folder.exists()
    assert str(folder) not in Path("/proc/self/mounts").read_text()
    assert not [*Path("/sys/fs/cgroup").glob(f"**/{cgroup}")]
    assert not Path("/sys/class/net/docker0").exists()

    with private_engine(beside, ministack) as engine:
        assert docker(engine, "ps", "--all", "--quiet") == ""


def processes(argument: str) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if argument in (command := file.read_text()):
                found.append(command)
    return found


@pytest.fixture
def as_users_docker(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, str]:
    """The private engine's daemon, dressed up as a Docker of the user's."""
    wrapper = shutil.which("docker", path=engine.environment["PATH"])
    assert wrapper is not None
    [command] = re.findall(r"\S+/usr/bin/docker\b", Path(wrapper).read_text())
    settings = tmp_path / "users"
    settings.mkdir()
    plugins = json.loads(Path(engine.environment["DOCKER_CONFIG"], "config.json").read_text())
    (settings / "config.json").write_text(json.dumps({**plugins, "auths": {}}))
    [network] = re.findall(r"--net=(\S+)", Path(wrapper).read_text())
    dressed = {
        "CONTAINER_ENGINE": "docker",
        "DOCKER_HOST": engine.environment["DOCKER_HOST"],
        "DOCKER_CONFIG": str(settings),
        "PATH": f"{Path(command).parent}:{os.environ['PATH']}",
    }
    for name, value in dressed.items():
        monkeypatch.setenv(name, value)
    return {"network": network, "config": str(settings / "config.json")}


@pytest.mark.usefixtures("as_users_docker")
def test_a_docker_in_another_network_cannot_be_used(
    ministack: tuple[str, int], tmp_path: Path
) -> None:
    with (
        pytest.raises(EngineUnavailableError, match=r"has to reach the registry on 127\.0\.0\.1:"),
        open_engine(tmp_path, registries={REGISTRY: ministack}, progress=print),
    ):
        pass


WITHIN = """
import json, os, subprocess, sys
from pathlib import Path
from local.engine import open_engine

port, registry, app = int(sys.argv[1]), sys.argv[2], sys.argv[3]
emulator = subprocess.Popen([sys.executable, "-m", "ministack"], stdout=sys.stderr)
try:
    sys.path.insert(0, sys.argv[4])
    from test_engine_e2e import wait_for_port
    import boto3
    wait_for_port(port)
    ecr = boto3.client("ecr", endpoint_url=f"http://127.0.0.1:{port}", region_name="ap-northeast-1",
                       aws_access_key_id="123456789012", aws_secret_access_key="any")
    ecr.create_repository(repositoryName="app")
    images = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]
    before = sorted(subprocess.check_output(images).splitlines())
    registries = {registry: ("127.0.0.1", port)}
    with open_engine(Path(app), registries=registries, progress=lambda _: None) as engine:
        def docker(*arguments):
            subprocess.run(["docker", *arguments], cwd=app, check=True, input=b"token",
                           env={**os.environ, **engine.environment}, stdout=sys.stderr)
        docker("login", "--username", "AWS", "--password-stdin", registry)
        docker("buildx", "create", "--use")
        cache = f"type=registry,ref={registry}/app:buildcache"
        docker("buildx", "build", "--push", "--cache-to", f"{cache},mode=max",
               "--metadata-file", "m.json", "--tag", f"{registry}/app:abc1234", ".")
        docker("pull", f"{registry}/app:abc1234")
    after = sorted(subprocess.check_output(images).splitlines())
    assert after == before, f"{before} became {after}"
    [image] = ecr.describe_images(
        repositoryName="app", imageIds=[{"imageTag": "abc1234"}])["imageDetails"]
    ecr.describe_images(repositoryName="app", imageIds=[{"imageTag": "buildcache"}])
    print(json.dumps([engine.kind, image["imageDigest"]]))
finally:
    emulator.terminate()
    emulator.wait()
"""


def test_a_running_docker_is_used_and_left_as_it_was(
    as_users_docker: Mapping[str, str], app: Path
) -> None:
    (app / "Dockerfile").write_text("FROM scratch\nCOPY server.js /\n")
    settings = Path(as_users_docker["config"]).read_text()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    done = subprocess.run(
        [
            *("nsenter", f"--net={as_users_docker['network']}", sys.executable, "-c", WITHIN),
            *(str(port), REGISTRY, str(app), str(Path(__file__).parent)),
        ],
        cwd=PROJECT,
        env={**os.environ, **ministack_settings(port)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kind, digest = json.loads(done.stdout)
    assert kind == "docker"
    assert digest == json.loads((app / "m.json").read_text())["containerimage.digest"]
    assert Path(as_users_docker["config"]).read_text() == settings
