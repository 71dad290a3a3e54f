"""What went wrong below HTTP, in words: refused, reset, too slow, not trusted."""

from __future__ import annotations

import http.client
import os
import ssl
from collections.abc import Callable

import httpx

from trainer_tui.errors import NetworkError, ProtocolError, TrainerError
from trainer_tui.providers._complaints import tidy
from trainer_tui.providers._origin import Origin

_UNSENDABLE = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)
_OFFLINE = "Is the network up, and the base URL of the profile right?"
_PATIENCE = "It may be busy: ask again. `timeout` in the profile is how long it is waited for."


def network_failure(
    problem: Exception, *, service: str, where: str, seconds: float, clean: Callable[[str], str]
) -> TrainerError:
    """What a failed exchange of httpx means, from the exception and the one beneath it.

    Args:
        problem: What httpx raised.
        service: Its title.
        where: The host or socket that was asked.
        seconds: The timeout that was kept.
        clean: Takes secrets out.
    """
    words = tidy(str(problem), clean, 200)
    beneath = _beneath(problem)
    if isinstance(problem, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        if isinstance(beneath, ssl.SSLError):
            return NetworkError(
                f"the TLS connection to {where} cannot be trusted: "
                f"{tidy(tls_words(beneath), clean, 200)}",
                hint="If the service has an authority of its own, name it in SSL_CERT_FILE.",
                code="TLS",
            )
        if isinstance(problem, httpx.ConnectTimeout):
            said = f"no connection to {where} within {seconds:g} s"
            return NetworkError(said, hint=_OFFLINE, code="CONNECT_TIMEOUT")
        reason = _reason(beneath) or words or "unreachable"
        return NetworkError(
            f"no connection to {where}: {tidy(reason, clean, 200)}",
            hint=_OFFLINE,
            code="CONNECT",
        )
    if isinstance(problem, httpx.TimeoutException):
        return NetworkError(
            f"{service} did not answer within {seconds:g} s",
            hint=_PATIENCE,
            code="TIMEOUT",
        )
    if isinstance(problem, httpx.RemoteProtocolError):
        if "without sending complete" in words or "incomplete chunked" in words:
            return ProtocolError(f"the answer of {service} was cut off in the middle", code="CUT")
        if "isconnected" not in words:
            return ProtocolError(f"{service} does not speak HTTP there: {words}")
    if isinstance(problem, _UNSENDABLE):
        return ProtocolError(f"the request to {service} could not be written: {words}")
    return NetworkError(
        f"the connection to {where} broke before the answer came",
        hint="It may be back in a moment: ask again.",
        code="LOST",
    )


def too_slow(service: str, seconds: float) -> NetworkError:
    """The error of an answer that takes too long, however it trickles."""
    return NetworkError(
        f"{service} did not finish its answer within {seconds:g} s",
        hint=_PATIENCE,
        code="TIMEOUT",
    )


def file_failure(
    problem: Exception, origin: Origin, seconds: float, clean: Callable[[str], str]
) -> TrainerError:
    """What an exception of ``http.client`` or the socket below it means."""
    if isinstance(problem, TimeoutError):
        return NetworkError(
            f"{origin} sent nothing for {seconds:g} s",
            hint="Going on continues from what is held.",
            code="TIMEOUT",
        )
    if isinstance(problem, ssl.SSLCertVerificationError):
        words = tidy(str(problem.verify_message), clean, 200)
        return NetworkError(
            f"the TLS connection to {origin} cannot be trusted: {words}", code="TLS"
        )
    if isinstance(problem, http.client.IncompleteRead):
        return NetworkError(
            f"the file from {origin} was cut off",
            hint="Going on continues from what is held.",
            code="CUT",
        )
    if isinstance(problem, OSError):
        words = tidy(problem.strerror or str(problem) or "broken off", clean, 200)
        nobody = isinstance(problem, ConnectionRefusedError | FileNotFoundError)
        code = "CONNECT" if nobody else "LOST"
        return NetworkError(
            f"the connection to {origin} failed: {words}",
            hint="Is the network up? Going on continues from what is held.",
            code=code,
        )
    return ProtocolError(f"{origin} does not speak proper HTTP: {tidy(str(problem), clean, 200)}")


def _beneath(problem: BaseException) -> BaseException:
    """The operating system's or TLS's own exception below an httpx one, or the one given."""
    todo: list[BaseException | None] = [problem]
    for _ in range(20):
        if not todo:
            break
        seen = todo.pop(0)
        if isinstance(seen, ssl.SSLError) or (isinstance(seen, OSError) and seen.strerror):
            return seen
        if isinstance(seen, BaseExceptionGroup):
            todo += seen.exceptions
        if seen is not None:
            todo += [seen.__cause__, seen.__context__]
    return problem


def _reason(problem: BaseException) -> str | None:
    """The operating system's words, rather than asyncio's (which repeat the address)."""
    if not isinstance(problem, OSError):
        return None
    number = problem.errno or 0
    return os.strerror(number) if number > 0 else problem.strerror


def tls_words(problem: ssl.SSLError) -> str:
    """Why TLS failed, in OpenSSL's words without the file and line."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return str(problem.verify_message)
    return problem.reason or "handshake failed"
