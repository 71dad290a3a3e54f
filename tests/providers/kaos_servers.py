"""Two strict kaos servers over real sockets: one as the page has it, one as the shipped server.

Each knows its own spelling alone: whoever uses the other gets what a router would answer.
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "x-token/with+odd=chars"
HTML = b"<html><head><title>404 Not Found</title></head></html>"


class StrictServer(ThreadingHTTPServer):
    """A workspace `mnist` in memory. Use as a context manager."""

    info_method: str
    flags: tuple[str, str, str]
    words: tuple[str, str]
    kill_with_slash: bool
    wrong_kill: int
    """What the other spelling of a kill is answered with."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.groups: dict[str, list[dict[str, Any]]] = {
            "training": [],
            "building": [],
            "ingesting": [],
        }
        self.infos: dict[str, list[dict[str, Any]]] = {}
        self.logs: dict[str, str] = {}
        self.build_logs: dict[str, str] = {}
        self.seen: list[tuple[str, str]] = []
        self.tokens: list[str | None] = []
        self.uploads: list[tuple[str, dict[str, str], bytes]] = []
        self.on_create: list[dict[str, Any]] = []
        self.deployed = True

    def __enter__(self) -> StrictServer:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, job_id: str, state: str, group: str = "training", **more: Any) -> None:
        """A job."""
        job = {
            "job_id": job_id,
            "state": state,
            "started": "2019-09-19 11:51:57",
            "duration": "?" if state in ("JOB_RUNNING", "JOB_STARTING") else 60,
            "progress": "?",
            "hyperopt": False,
        }
        self.groups[group].append({**job, **more})

    def find(self, job_id: str) -> dict[str, Any] | None:
        """A job by its id."""
        jobs = [job for group in self.groups.values() for job in group]
        return next((job for job in jobs if job["job_id"] == job_id), None)

    def asked(self, method: str) -> list[str]:
        """The paths that were asked for with a method."""
        return [path for asked, path in self.seen if asked == method]


class PageServer(StrictServer):
    """POST for info, hyphens, lower case, a slash on DELETE."""

    info_method = "POST"
    flags = ("include-code", "include-data", "include-model")
    words = ("True", "False")
    kill_with_slash = True
    wrong_kill = 404


class ShippedServer(StrictServer):
    """GET for info, underscores, ``True``, no slash on DELETE."""

    info_method = "GET"
    flags = ("include_code", "include_data", "include_model")
    words = ("True", "False")
    kill_with_slash = False
    wrong_kill = 404


class RedirectingServer(ShippedServer):
    """As the shipped one, with a router that redirects a slash too many."""

    wrong_kill = 308


def partition(index: int, score: float | None = None, **params: Any) -> dict[str, Any]:
    """A partition of a job."""
    commit = {"repo": "mnist-code", "commit": "c0ffee", "path": "/", "branch": "master"}
    return {
        "datum_id": f"d{index}",
        "code": {**commit, "author": "ann"},
        "data": None,
        "image": None,
        "output": {**commit, "path": f"master:model{index}", "author": "ann"},
        "score": score,
        "hyperparams": params or None,
    }


class _Handler(BaseHTTPRequestHandler):
    server: StrictServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_DELETE = do_GET

    def _answer(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        server.seen.append((self.command, url.path))
        server.tokens.append(self.headers.get("X-Token"))
        if self.headers.get("X-Token") != TOKEN:
            return self._error(401, "AUTHORIZATION_FAILURE", "who are you")
        parts = url.path.strip("/").split("/")
        slash = url.path.endswith("/")
        match (self.command, *parts):
            case ("GET", "workspace"):
                return self._json({"names": ["mnist"]})
            case ("GET", "train", "mnist"):
                return self._json({"response": server.groups})
            case ("GET", "train", "mnist", "inspect"):
                if not server.deployed:
                    return self._error(404, "PIPELINE_NOT_FOUND", "no pipeline")
                return self._json({"image": "img:1", "cpu": "null", "data_name": "null"})
            case ("POST", "train", "mnist"):
                return self._create(query, body)
            case ("POST", "data", "mnist", "params" | "features" as kind):
                server.uploads.append((kind, query, self._file(body)))
                return self._json({"glob_name": f"{kind}:1"})
            case (_, "train", "mnist", job_id) if self.command == server.info_method:
                return self._info(job_id, query)
            case ("DELETE", "train", "mnist", job_id):
                return self._kill(job_id, slash, url.path)
            case ("GET", "train", "mnist", job_id, "logs") if job_id in server.logs:
                return self._json(server.logs[job_id])
            case ("GET", "train", "mnist", "build", job_id, "logs") if job_id in server.build_logs:
                return self._json(server.build_logs[job_id])
            case ("GET", "train", "mnist", model_id, "provenance"):
                return self._json(f'digraph x {{ "code" -> "{model_id}"; }}')
            case ("GET", "train", "mnist", job_id, "bundle"):
                return self._bundle(query)
            case (_, "train", "mnist", _):
                return self._send(405, HTML, "text/html")
        self._send(404, HTML, "text/html")

    def _create(self, query: dict[str, str], body: bytes) -> None:
        server = self.server
        server.uploads.append(("code", query, self._file(body)))
        for job in server.on_create:
            server.add(**job)
        self._json({"glob_name": "mnist:0123456789abcdef"})

    def _info(self, job_id: str, query: dict[str, str]) -> None:
        job = self.server.find(job_id)
        if job is None:
            return self._error(404, "JOB_NOT_FOUND", f"There is no job with id: {job_id}")
        if job["state"] in ("JOB_RUNNING", "JOB_STARTING"):
            return self._error(500, "UNFINISHED_COMMIT", "not finished")
        parts = self.server.infos.get(job_id, [])
        sort_by, page = query.get("sort_by"), int(query.get("page_id") or 0)
        if sort_by not in (None, "accuracy"):
            return self._error(404, "METRIC_NOT_FOUND", f"no metric {sort_by}")
        if sort_by:
            parts = sorted(parts, key=lambda part: -part["score"])
        count = max(1, -(-len(parts) // 10))
        if page >= count:
            return self._error(400, "PAGE_ERROR", f"no page {page}")
        told = {
            "job_id": job_id,
            "state": job["state"],
            "available_metrics": ["accuracy", "loss"],
            "process_time": 12,
            "partitions": parts[10 * page :][:10],
        }
        self._json({"page_id": page, "page_count": count, "response": told})

    def _kill(self, job_id: str, slash: bool, path: str) -> None:
        server = self.server
        if slash != server.kill_with_slash:
            if server.wrong_kill == 308:
                self.send_response(308)
                self.send_header("Location", path.rstrip("/"))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            return self._send(404, HTML, "text/html")
        job = server.find(job_id)
        if job is None:
            return self._error(404, "JOB_NOT_FOUND", f"There is no job with id: {job_id}")
        if job["state"] != "JOB_RUNNING":
            return self._error(400, "JOB_NOT_RUNNING", f"Job is not running, id: {job_id}")
        job["state"] = "JOB_KILLED"
        self._json({})

    def _bundle(self, query: dict[str, str]) -> None:
        words = dict(zip(self.server.words, (True, False), strict=True))
        wanted = [words.get(query.get(name, "")) for name in self.server.flags]
        if None in wanted:
            return self._error(400, "BAD_REQUEST", "flags")
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as made:
            for name, on in zip(("code", "data", "model"), wanted, strict=True):
                if on:
                    made.writestr(f"{name}/{query.get('model_id', 'x')}", name)
        self._send(200, held.getvalue(), "application/zip")

    def _file(self, body: bytes) -> bytes:
        """The file in the form's field `data`."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = message_from_bytes(head + body)
        for part in message.walk():
            if part.get_param("name", header="content-disposition") == "data":
                data = part.get_payload(decode=True)
                assert isinstance(data, bytes)
                return data
        raise AssertionError("the form has no file in `data`")

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), "application/json")

    def _error(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error_code": code, "message": message}).encode()
        self._send(status, body, "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""
