"""CodeCommit: repositories, and commits that are made by its API.

There is no Git: a commit is a zip of its files in `local.emulator.repositories`, where those that
are pushed by ``POST /_local/push`` are too. So a repository can be made, deleted and given commits
and branches; it cannot be cloned by its URLs, and its ids of trees and blobs are merely unique.

https://docs.aws.amazon.com/codecommit/latest/APIReference/API_Operations.html
"""

import base64
import hashlib
import io
import re
import stat
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.emulator.pages import page
from local.emulator.pipelines.service import CodePipeline
from local.emulator.pushes import pushed
from local.emulator.repositories import Commit, Repositories
from local.emulator.scope import arn, current
from local.emulator.service import Service, ServiceError, plug_in, store

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_MODES: Final = {
    "NORMAL": stat.S_IFREG | 0o644,
    "EXECUTABLE": stat.S_IFREG | 0o755,
    "SYMLINK": stat.S_IFLNK | 0o777,
}
# https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html
_MOST_FILES: Final = 100
_LARGEST_FILE: Final = 6 * 1024 * 1024

_records = store()


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    mode: str

    @property
    def blob_id(self) -> str:
        return hashlib.sha1(self.content, usedforsecurity=False).hexdigest()


class CodeCommit:
    """The service.

    Parameters
    ----------
    repositories
        Where commits are kept.
    codepipeline
        Whose pipelines commits start.
    """

    def __init__(self, repositories: Repositories, codepipeline: CodePipeline) -> None:
        self._repositories = repositories
        self._codepipeline = codepipeline

    def register(self) -> None:
        """Add the service."""
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateRepository": self._create_repository,
            "GetRepository": lambda request: {"repositoryMetadata": _find(request)["metadata"]},
            "ListRepositories": _list_repositories,
            "DeleteRepository": self._delete_repository,
            "ListTagsForResource": _list_tags,
            "CreateBranch": self._create_branch,
            "GetBranch": self._get_branch,
            "CreateCommit": self._create_commit,
            "GetCommit": self._get_commit,
        }
        plug_in(Service("codecommit", operations, {"records": _records}), "CodeCommit_20150413")

    def _create_repository(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["repositoryName"]
        if not _NAME.fullmatch(name) or name.endswith(".git"):
            raise ServiceError("InvalidRepositoryNameException", f"{name} is no repository's name.")
        if name in _records:
            raise ServiceError(
                "RepositoryNameExistsException", f"Repository named {name} already exists."
            )
        host, now = f"git-codecommit.{current().region}.amazonaws.com", time.time()
        metadata = {
            "accountId": current().account,
            "repositoryId": str(uuid.uuid4()),
            "repositoryName": name,
            "lastModifiedDate": now,
            "creationDate": now,
            "cloneUrlHttp": f"https://{host}/v1/repos/{name}",
            "cloneUrlSsh": f"ssh://{host}/v1/repos/{name}",
            "Arn": arn("codecommit", name),
            **(
                {"repositoryDescription": request["repositoryDescription"]}
                if "repositoryDescription" in request
                else {}
            ),
        }
        _records[name] = {"metadata": metadata, "tags": dict(request.get("tags") or {})}
        return {"repositoryMetadata": metadata}

    def _delete_repository(self, request: dict[str, Any]) -> dict[str, Any]:
        record = _records.pop(request["repositoryName"], None)
        if record is None:
            return {}  # as AWS does, which answers no id then
        self._repositories.forget(request["repositoryName"])
        return {"repositoryId": record["metadata"]["repositoryId"]}

    def _create_branch(self, request: dict[str, Any]) -> dict[str, Any]:
        repository, branch = _name(request), request["branchName"]
        if self._repositories.newest(repository, branch):
            raise ServiceError("BranchNameExistsException", f"Branch {branch} already exists.")
        commit = self._repositories.find(repository, request["commitId"])
        if commit is None:
            raise ServiceError(
                "CommitDoesNotExistException", f"Could not find commit {request['commitId']}."
            )
        self._push(repository, branch, commit, self._repositories.archive(commit))
        return {}

    def _get_branch(self, request: dict[str, Any]) -> dict[str, Any]:
        newest = self._newest(_name(request), request["branchName"])
        return {"branch": {"branchName": newest.branch, "commitId": newest.commit_id}}

    def _get_commit(self, request: dict[str, Any]) -> dict[str, Any]:
        commit = self._repositories.find(_name(request), request["commitId"])
        if commit is None:
            raise ServiceError(
                "CommitIdDoesNotExistException", f"Could not find commit {request['commitId']}."
            )
        before = self._repositories.before(commit)
        # As Git has it: seconds, and the time zone.
        person = {"name": commit.author, "email": "", "date": f"{int(commit.authored)} +0000"}
        found = {
            "commitId": commit.commit_id,
            "treeId": _tree_id(self._files(commit)),
            "parents": [before.commit_id] if before else [],
            "message": commit.message,
            "author": person,
            "committer": person,
            "additionalData": "",
        }
        return {"commit": found}

    def _create_commit(self, request: dict[str, Any]) -> dict[str, Any]:
        repository, branch = _name(request), request["branchName"]
        parent = self._parent(repository, branch, request.get("parentCommitId"))
        old = self._files(parent) if parent else {}
        new = _changed(old, request)
        if new == old:
            raise ServiceError(
                "NoChangeException",
                "The commit cannot be created because no changes will be made to the repository "
                "as a result of this commit. A commit must contain at least one change.",
            )
        tree = _tree_id(new)
        text = f"{tree} {parent.commit_id if parent else ''} {uuid.uuid4()}"
        commit = Commit(
            repository=repository,
            branch=branch,
            commit_id=hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(),
            message=request.get("commitMessage", ""),
            author=request.get("authorName") or current().account,
            authored=0,
            changed=(),
        )
        self._push(repository, branch, commit, _packed(new))
        return {
            "commitId": commit.commit_id,
            "treeId": tree,
            "filesAdded": _told(new, new.keys() - old.keys()),
            "filesUpdated": _told(
                new, {path for path in new.keys() & old.keys() if new[path] != old[path]}
            ),
            "filesDeleted": _told(old, old.keys() - new.keys()),
        }

    def _parent(self, repository: str, branch: str, given: str | None) -> Commit | None:
        if not self._repositories.branches(repository):
            return None  # the first commit makes the branch
        newest = self._newest(repository, branch)
        if not given:
            raise ServiceError("ParentCommitIdRequiredException", "A parent commit ID is required.")
        if self._repositories.find(repository, given) is None:
            raise ServiceError(
                "ParentCommitDoesNotExistException", f"Could not find parent commit {given}."
            )
        if given != newest.commit_id:
            raise ServiceError(
                "ParentCommitIdOutdatedException",
                f"The parent commit ID {given} is not the tip of {branch}, which is "
                f"{newest.commit_id}.",
            )
        return newest

    def _newest(self, repository: str, branch: str) -> Commit:
        found = self._repositories.newest(repository, branch)
        if found is None:
            raise ServiceError("BranchDoesNotExistException", f"Branch {branch} does not exist.")
        return found

    def _files(self, commit: Commit) -> dict[str, _File]:
        with zipfile.ZipFile(io.BytesIO(self._repositories.archive(commit))) as archive:
            return {
                info.filename: _File(archive.read(info), _mode(info.external_attr >> 16))
                for info in archive.infolist()
                if not info.is_dir()
            }

    def _push(self, repository: str, branch: str, commit: Commit, packed: bytes) -> None:
        metadata = _records[repository]["metadata"]
        metadata.update(lastModifiedDate=time.time())
        metadata.setdefault("defaultBranch", branch)
        made = self._repositories.push(
            repository, branch, commit.commit_id, commit.message, commit.author, packed
        )
        pushed(self._codepipeline, self._repositories, made)


def _changed(old: Mapping[str, _File], request: Mapping[str, Any]) -> dict[str, _File]:
    """Return the files of a commit: those of its parent with what the request changes."""
    put, delete = request.get("putFiles") or (), request.get("deleteFiles") or ()
    modes = request.get("setFileModes") or ()
    if not (put or delete or modes):
        raise ServiceError("FileEntryRequiredException", "At least one file entry is required.")
    if len(put) + len(delete) + len(modes) > _MOST_FILES:
        raise ServiceError(
            "MaximumFileEntriesExceededException",
            f"A commit changes at most {_MOST_FILES} files at a time.",
        )
    paths = [entry["filePath"] for entry in (*put, *delete, *modes)]
    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise ServiceError(
            "SamePathRequestException", f"{', '.join(twice)} is named more than once."
        )
    if wrong := [path for path in paths if path.startswith("/") or ".." in path.split("/")]:
        raise ServiceError("InvalidPathException", f"{wrong[0]} is no path in the repository.")
    new = dict(old)
    for entry in put:
        new[entry["filePath"]] = _put(new, entry)
    for entry in (*delete, *modes):
        if entry["filePath"] not in new:
            raise ServiceError("FileDoesNotExistException", f"{entry['filePath']} does not exist.")
    for entry in delete:
        del new[entry["filePath"]]
    for entry in modes:
        new[entry["filePath"]] = _File(new[entry["filePath"]].content, entry["fileMode"])
    return new


def _put(files: dict[str, _File], entry: Mapping[str, Any]) -> _File:
    given, source = entry.get("fileContent"), entry.get("sourceFile")
    if (given is None) == (source is None):
        code = (
            "SourceFileOrContentRequiredException"
            if given is None
            else "FileContentAndSourceFileSpecifiedException"
        )
        raise ServiceError(code, f"{entry['filePath']} must have content or a source file.")
    if source is not None:
        origin = source["filePath"]
        if origin not in files:
            raise ServiceError("FileDoesNotExistException", f"{origin} does not exist.")
        kept = files.pop(origin) if source.get("isMove") else files[origin]
        return _File(kept.content, entry.get("fileMode", kept.mode))
    content = base64.b64decode(given or "")
    if len(content) > _LARGEST_FILE:
        raise ServiceError(
            "FileContentSizeLimitExceededException", f"{entry['filePath']} is larger than 6 MB."
        )
    return _File(content, entry.get("fileMode", "NORMAL"))


def _packed(files: Mapping[str, _File]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, file in sorted(files.items()):
            info = zipfile.ZipInfo(path, (2000, 1, 1, 0, 0, 0))
            info.external_attr = _MODES[file.mode] << 16
            archive.writestr(info, file.content, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _mode(bits: int) -> str:
    if stat.S_ISLNK(bits):
        return "SYMLINK"
    return "EXECUTABLE" if bits & stat.S_IXUSR else "NORMAL"


def _tree_id(files: Mapping[str, _File]) -> str:
    listed = "".join(f"{file.mode} {path} {file.blob_id}\n" for path, file in sorted(files.items()))
    return hashlib.sha1(listed.encode(), usedforsecurity=False).hexdigest()


def _told(files: Mapping[str, _File], paths: set[str]) -> list[dict[str, str]]:
    return [
        {
            "absolutePath": path,
            "blobId": files[path].blob_id,
            "fileMode": files[path].mode,
        }
        for path in sorted(paths)
    ]


def _list_repositories(request: dict[str, Any]) -> dict[str, Any]:
    names = [
        {"repositoryId": record["metadata"]["repositoryId"], "repositoryName": name}
        for name, record in sorted(_records.items())
    ]
    return page("repositories", names, request, most=1000)


def _list_tags(request: dict[str, Any]) -> dict[str, Any]:
    name = request["resourceArn"].rpartition(":")[2]
    return {"tags": _find({"repositoryName": name})["tags"]}


def _name(request: Mapping[str, Any]) -> str:
    name: str = _find(request)["metadata"]["repositoryName"]
    return name


def _find(request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    if name not in _records:
        raise ServiceError("RepositoryDoesNotExistException", f"{name} does not exist")
    found: dict[str, Any] = _records[name]
    return found
