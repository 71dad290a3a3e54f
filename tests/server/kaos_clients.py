"""Two clients of kaos's API, each as its source has it, and bundles to send.

:class:`PageClient` is written from the reference page alone; :class:`ShippedClient` does what the
platform's own command line does. Neither knows anything of this project.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Mapping
from typing import Any

import httpx

# Learns nothing, quickly: accuracy is the learning rate, loss its opposite.
TRAIN = f"""#!{sys.executable} -S
import json, os, pathlib, sys
out = pathlib.Path(sys.argv[1])
params = json.loads(pathlib.Path(os.environ["KAOS_PARAMS"]).read_text())
print("training with", params, flush=True)
lr = params.get("lr", 0.5)
(out / "model").mkdir()
(out / "model" / "weights.bin").write_bytes(b"w" * 10)
(out / "metrics").mkdir()
(out / "metrics" / "accuracy.json").write_text(json.dumps(lr))
(out / "metrics" / "more.json").write_text(json.dumps({{"loss": 1 - lr}}))
"""
WAITS = f"""#!{sys.executable} -S
import pathlib, sys, time
print("waiting", flush=True)
while not (pathlib.Path(sys.argv[1]) / "go").exists():
    time.sleep(0.02)
"""


def source_zip(
    train: str = TRAIN, root: str = "mnist", changes: Mapping[str, str | bytes | None] | None = None
) -> bytes:
    """A source bundle, some files of it changed; one given as ``None`` is left out."""
    texts: dict[str, str | bytes | None] = {
        "Dockerfile": "FROM python:3\n",
        "model/__init__.py": "",
        "model/requirements.txt": "# nothing\n",
        "model/train": train,
    }
    texts |= changes or {}
    return zip_of({f"{root}/{name}": text for name, text in texts.items() if text is not None})


def zip_of(files: Mapping[str, str | bytes]) -> bytes:
    """A zip with these files."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return held.getvalue()


def names_in(data: bytes) -> list[str]:
    """The names in a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        return sorted(found.namelist())


class PageClient:
    """The reference page, line by line."""

    def __init__(self, url: str, token: str, workspace: str) -> None:
        self.http = httpx.Client(
            base_url=url,
            headers={"X-Token": token},
            timeout=60,
            verify=False,  # it is no https, and reading certificates takes its time
        )
        self.workspace = workspace

    def list(self) -> httpx.Response:
        return self.http.get(f"/train/{self.workspace}")

    def inspect(self) -> httpx.Response:
        return self.http.get(f"/train/{self.workspace}/inspect")

    def create(self, bundle: bytes, **query: str) -> httpx.Response:
        files = {"data": ("bundle.zip", bundle, "application/zip")}
        return self.http.post(f"/train/{self.workspace}", params=query, files=files)

    def info(self, job_id: str, **query: Any) -> httpx.Response:
        return self.http.post(f"/train/{self.workspace}/{job_id}", params=query)

    def bundle(self, job_id: str, code: bool, data: bool, model: bool) -> httpx.Response:
        flags = {"include-code": code, "include-data": data, "include-model": model}
        words = {name: "true" if value else "false" for name, value in flags.items()}
        return self.http.get(f"/train/{self.workspace}/{job_id}/bundle", params=words)

    def provenance(self, model_id: str) -> httpx.Response:
        return self.http.get(f"/train/{self.workspace}/{model_id}/provenance")

    def logs(self, job_id: str) -> httpx.Response:
        return self.http.get(f"/train/{self.workspace}/{job_id}/logs")

    def kill(self, job_id: str) -> httpx.Response:
        return self.http.delete(f"/train/{self.workspace}/{job_id}/")

    def close(self) -> None:
        self.http.close()


class ShippedClient(PageClient):
    """The platform's own command line."""

    def begin(self, user: str = "ann") -> None:
        """What it does before every command: is the workspace there?"""
        names = self.http.get("/workspace").raise_for_status().json()["names"]
        if self.workspace not in names:
            path = f"/workspace/{self.workspace}"
            self.http.post(path, params={"user": user}).raise_for_status()

    def deploy(self, bundle: bytes, params: Mapping[str, object] | None = None) -> None:
        """``train deploy``: the bundle, then the hyper-parameters, always."""
        self.begin()
        self.create(bundle, user="ann").raise_for_status()
        text = json.dumps(params or {}).encode()
        files = {"data": ("params.json", text, "application/octet-stream")}
        path = f"/data/{self.workspace}/params"
        self.http.post(path, params={"user": "ann"}, files=files).raise_for_status()

    def info(self, job_id: str, **query: Any) -> httpx.Response:
        return self.http.get(f"/train/{self.workspace}/{job_id}", params=query)

    def bundle(
        self, job_id: str, code: bool, data: bool, model: bool, model_id: str | None = None
    ) -> httpx.Response:
        flags = {"include_code": code, "include_data": data, "include_model": model}
        words = {name: str(value) for name, value in flags.items()}
        more = {"model_id": model_id} if model_id else {}
        return self.http.get(f"/train/{self.workspace}/{job_id}/bundle", params=words | more)

    def build_logs(self, job_id: str) -> httpx.Response:
        return self.http.get(f"/train/{self.workspace}/build/{job_id}/logs")

    def kill(self, job_id: str) -> httpx.Response:
        return self.http.delete(f"/train/{self.workspace}/{job_id}")
