"""What a dialect is given besides the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from trainer_tui.server.settings import ServerSettings
from trainer_tui.server.signing import Signer


@dataclass(frozen=True, slots=True)
class ServerContext:
    """The server around an engine.

    A dialect is a module in ``dialects/`` with

    * ``PREFIX``: the path that all of it is below, such as ``/v1/``, or a tuple of such; of two
      dialects that both fit a path, the one with the longer prefix has it;
    * ``routes(engine, context)``: a list of Starlette routes with full paths;
    * ``refuse(status, code, message)``: a Response in its own error shape, for what is refused
      before a route is reached (401, 403, 404, 405, 413, 500);
    * optionally ``answer_error(error)``: a Response for a TrainerError that a route let through;
    * optionally ``token_in(scope)``: the token as its clients send it, where that is not in the
      header ``Authorization: Bearer``; ``None``: there is none;
    * optionally ``body_limit(path)``: the bytes that a request's body may have there, or ``None``
      for the usual limit;
    * optionally ``is_signed(path)``: whether requests there prove themselves by a signature, which
      the route then checks with ``context.signer``, instead of the token.

    ``GET``/``HEAD /files/{job id}/{path}?exp=…&sig=…`` serves a job's file to whoever has the
    URL; make one with :meth:`file_url`.
    """

    settings: ServerSettings
    signer: Signer
    started_at: datetime
    now: Callable[[], datetime]
    tcp: str | None
    """``http://127.0.0.1:PORT`` where the server listens there."""

    def file_url(self, origin: str, job_id: str, path: str) -> str:
        """A URL of a job's file that needs no token and is good for a day.

        Args:
            origin: ``http://host:port`` as the asking client sees this server.
        """
        expires = int(self.now().timestamp()) + 24 * 3600
        return origin.rstrip("/") + self.signer.sign(f"/files/{job_id}/{path}", expires)
