"""Who may be asked what: origins, the credential, the TLS context, proxies.

The rules of trust are here and nowhere else:

* the credential goes to the profile's own origin (scheme, host and port) and to no other;
* plain http goes to this machine only, unless the profile says ``insecure = true``;
* an artifact's URL may name another host over https; one of this machine only when the service
  itself is on this machine, so that a remote service cannot reach into it.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import os
import re
import ssl
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, urlsplit

from trainer_tui import sanitize
from trainer_tui.config import Profile
from trainer_tui.errors import AuthError, ConfigError, ProtocolError, TrainerError

_PORTS = {"http": 80, "https": 443}
_SAFE_IN_TARGET = "%/:=&?~#+!$,;'@()*[]-._"


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what a credential belongs to."""

    scheme: str
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether this is this very machine."""
        host = self.host.lower().rstrip(".")
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Address:
    """One absolute URL, taken apart."""

    origin: Origin
    target: str
    """Path and query, quoted, as it goes into the request line."""


def address(url: str) -> Address:
    """Take an absolute http(s) URL apart.

    Raises:
        ValueError: It is not one, or carries a user name.
    """
    parts = urlsplit(url.strip())
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        raise ValueError("not an http or https address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address with a user name in it")
    host = parts.hostname if parts.hostname.isascii() else _punycode(parts.hostname)
    if re.search(r"[^A-Za-z0-9.:_%-]", host):
        raise ValueError("a host name with odd characters")
    port = parts.port if parts.port is not None else _PORTS[scheme]
    target = quote(parts.path or "/", safe=_SAFE_IN_TARGET)
    if parts.query:
        target += "?" + quote(parts.query, safe=_SAFE_IN_TARGET)
    return Address(Origin(scheme, host, port), target)


def _punycode(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        raise ValueError("a host name that cannot be written") from None


@dataclass(frozen=True, slots=True)
class Base:
    """A profile's own origin and the path below which its API lives."""

    origin: Origin
    prefix: str

    def url(self, path: str) -> str:
        """The absolute URL of a path of the API."""
        return f"{self.origin.scheme}://{self.origin}{self.prefix}{path}"

    @property
    def root(self) -> str:
        """The origin as a URL, without a path."""
        return f"{self.origin.scheme}://{self.origin}"


def base_of(profile: Profile, url: str) -> Base:
    """Check and take apart the base URL of a profile.

    Raises:
        ConfigError: It is no base URL, or plain http to another machine without ``insecure``.
    """
    shown = sanitize.line(url, limit=120)
    if "@" not in shown and re.search(r"[?#]", shown):
        raise ConfigError(f"profiles.{profile.name}.base_url: {shown!r} has a query or a fragment")
    try:
        found = address(url)
    except ValueError as problem:
        what = str(problem)
    else:
        if found.origin.scheme == "http" and not (found.origin.loopback or profile.insecure):
            raise ConfigError(
                f"profiles.{profile.name}.base_url is plain http to another machine "
                f"({found.origin}): the credential would travel in the open",
                hint="Use https, or say `insecure = true` in the profile if you mean it.",
            )
        return Base(found.origin, found.target.rstrip("/"))
    where = "it" if "@" in shown else repr(shown)
    raise ConfigError(f"profiles.{profile.name}.base_url: {where} is {what}")


def may_fetch(url: str, base: Base, *, insecure: bool, before: Origin | None = None) -> Address:
    """The address of an artifact, if it may be fetched at all.

    Args:
        url: Absolute, as the service or a redirect gave it.
        base: Of the profile.
        insecure: The profile's ``insecure``.
        before: The origin that redirects to it, if that is how it came.

    Raises:
        ProtocolError: It may not.
    """
    try:
        found = address(url)
    except ValueError as problem:
        raise ProtocolError(
            f"the address of the file is {problem}: {sanitize.line(url, limit=80)!r}"
        ) from None
    origin = found.origin
    if origin == base.origin and (before is None or before == origin):
        return found
    if origin.loopback and not (base.origin.loopback and (before is None or before.loopback)):
        raise ProtocolError(f"a remote service names a file on this machine ({origin}): not asked")
    if origin.scheme == "http":
        downgraded = before is not None and before.scheme == "https"
        if downgraded or not (origin.loopback or insecure):
            raise ProtocolError(f"the file would come over plain http from {origin}: not asked")
    return found


@dataclass(slots=True)
class Credential:
    """A profile's token: resolved once, applied to headers, taken out of every message."""

    profile: Profile
    needed: bool
    place: str = "bearer"
    """Where the service wants it: ``bearer``, ``header:NAME`` or ``query:NAME``."""
    _value: str | None = field(default=None, repr=False)
    _known: bool = field(default=False, repr=False)
    _forms: tuple[str, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        return f"<credential of {self.profile.name}>"

    async def resolve(self) -> None:
        """Find it out (in a thread: it may be a command or a keyring), the first time only.

        Raises:
            ConfigError: It cannot be had, or is no token.
            AuthError: The service needs one and the profile names none.
        """
        if self._known:
            return
        secret = self.profile.token
        if secret is None:
            if self.needed:
                raise AuthError(
                    f"the profile {self.profile.name} has no token",
                    hint=f'Add `token = "env:NAME"` to [profiles.{self.profile.name}].',
                )
        else:
            failure: TrainerError | None = None
            try:
                self._value = _printable(await asyncio.to_thread(secret.resolve), self.profile)
            except TrainerError as problem:
                # Without the frames that it came through: their variables hold the credential.
                failure = problem.with_traceback(None)
                failure.__cause__ = failure.__context__ = None
            if failure is not None:
                raise failure
            self._forms = (*_written_forms(self._value or ""), *self._forms)
        self._known = True

    def forget(self) -> None:
        """Resolve it afresh next time: the service did not accept it, it may have been renewed."""
        self._known, self._value = False, None

    def apply(self, headers: MutableMapping[str, str]) -> None:
        """Put it into the headers of a request to the profile's own origin."""
        kind, _, name = self.place.partition(":")
        if self._value and kind == "bearer":
            headers["Authorization"] = f"Bearer {self._value}"
        elif self._value and kind == "header":
            headers[name] = self._value

    @property
    def query(self) -> tuple[str, str] | None:
        """Name and value for services that want it in the URL. Not for showing."""
        kind, _, name = self.place.partition(":")
        return (name, self._value) if self._value and kind == "query" else None

    def redact(self, text: str) -> str:
        """The text without it, in whichever way it is written there."""
        for form in self._forms:
            text = text.replace(form, "«token»")
        return text


def _printable(value: str, profile: Profile) -> str:
    value = value.strip()
    if re.fullmatch(r"[!-~]+", value):
        return value
    what = "is empty" if not value else "holds a character that no header may hold"
    raise ConfigError(f"the token of the profile {profile.name} {what}")


def _written_forms(value: str) -> tuple[str, ...]:
    """The ways a token may be echoed: as it is, percent-encoded, escaped; longest first."""
    forms = {value, quote(value, safe=""), quote(value), quote_plus(value)}
    forms |= {quote(value, safe="").lower(), value.replace("\\", "\\\\").replace('"', '\\"')}
    return tuple(sorted((f for f in forms if len(f) >= 4), key=len, reverse=True))


@functools.cache
def tls_context() -> ssl.SSLContext:
    """The one TLS context of the program: built once (tens of milliseconds), verifies always.

    Trusts the system's authorities and certifi's; ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` instead
    of both where they are set.
    """
    context = ssl.create_default_context()
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


@functools.cache
def empty_tls_context() -> ssl.SSLContext:
    """For clients that speak plain http only: quick to build, and trusts nobody."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
