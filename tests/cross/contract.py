"""Persona's published contract as a judge of recorded exchanges.

The files describe one call each and no document around them: where the calls are, and what their
security schemes are called, is added here. Nothing of the files themselves is changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers

from sandbox import Exchange

HOST = "https://api.withpersona.com"

# Faults after which the answer is not one that Persona could have given.
BROKEN_ON_PURPOSE = {
    "drop_before_commit",
    "drop_after_commit",
    "oversized_body",
    "redirect",
    "respond",
    "truncate",
}

# Every answer but a 401 says whose limit it counts against.
STANDARD_HEADERS = {
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "request-id",
    "persona-environment-id",
    "persona-organization-id",
}


class Contract:
    """The four calls, by their files in ``persona-openapi``."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(path_of(file.stem) for file in (folder / "paths").glob("*.yaml"))
        self._closed = _read(folder, needs_pass=True)
        self._open = _read(folder, needs_pass=False)
        document = self._closed.spec
        self.documented = {
            (path, int(status))
            for path in self.paths
            for status in (document / "paths" / path / "post" / "responses").str_keys()
        }

    def operation(self, exchange: Exchange) -> str | None:
        """The path template that an exchange belongs to."""
        asked = _below_server(exchange.path).split("/")
        for path in self.paths:
            template = path.split("/")
            if len(template) == len(asked) and all(
                part == given or part.startswith("{")
                for part, given in zip(template, asked, strict=True)
            ):
                return path
        return None

    def refusal_of_request(self, exchange: Exchange) -> str | None:
        """Why the request breaks the contract; ``None`` when it keeps it.

        A redemption without a pass asks for the challenge of one relay. It lacks the credential
        that the contract asks for, and gets the 401 that the contract foresees.
        """
        asks_for_challenge = (
            exchange.path.endswith("/generate-claim") and "authorization" not in exchange.headers
        )
        judge = self._open if asks_for_challenge else self._closed
        exchange, complaint = _in_the_form_of_the_contract(exchange)
        return complaint or _complaint(judge.validate_request, Request(exchange))

    def refusal_of_answer(self, exchange: Exchange) -> str | None:
        """Why the answer breaks the contract; ``None`` when it keeps it."""
        answer = Answer(exchange)
        exchange, _ = _in_the_form_of_the_contract(exchange)
        complaint = _complaint(self._open.validate_response, Request(exchange), answer)
        if complaint is None and answer.status_code != 401:
            missing = STANDARD_HEADERS - {name.lower() for name, _ in answer.headers}
            complaint = f"headers are missing: {sorted(missing)}" if missing else None
        if complaint is None and not answer.headers["request-id"].startswith("req_"):
            complaint = "a Request-Id begins with req_"
        return complaint

    def judges(self, exchange: Exchange) -> bool:
        """Whether an answer is one that the contract should hold for.

        Not those broken on purpose, and no status that a test asked for and Persona does not
        document. A status that nobody asked for is judged, documented or not.
        """
        if exchange.status is None or exchange.fault in BROKEN_ON_PURPOSE:
            return False
        documented = (self.operation(exchange), exchange.status) in self.documented
        return documented or exchange.fault != "status"


# What Persona's newest reference says of the encryption key's newer form.
JWK = {"kty": "RSA", "alg": "RSA-OAEP-256", "use": "enc"}


def _in_the_form_of_the_contract(exchange: Exchange) -> tuple[Exchange, str | None]:
    """A key as a JWK is younger than the contract, which has PEM in its place: it is judged here,
    and then left out."""
    try:
        body = json.loads(exchange.body)
    except ValueError:
        return exchange, None
    if not isinstance(body, dict) or "encryption-key-jwk" not in body:
        return exchange, None
    jwk = body.pop("encryption-key-jwk")
    complaint = None
    if "encryption-key-pem" in body:
        complaint = "the key is there in both forms"
    elif jwk is not None and (jwk | JWK != jwk or jwk.keys() != JWK.keys() | {"n", "e"}):
        complaint = "the JWK has other members than Persona takes"
    body["encryption-key-pem"] = None
    return replace(exchange, body=json.dumps(body)), complaint


def path_of(file: str) -> str:
    """``relays_{relay-token}_generate-claim`` is the path of that name."""
    return "/" + file.replace("_", "/")


def _read(folder: Path, *, needs_pass: bool) -> OpenAPI:
    paths = {path_of(file.stem): {"$ref": f"paths/{file.name}"} for file in folder.glob("paths/*")}
    # The schemes are compared in lower case. Without pass: the same scheme, as no credential.
    redeem = {"type": "http", "scheme": "privatetoken"}
    no_pass = {"type": "apiKey", "in": "header", "name": "Persona-Relay-Secret"}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Persona Relay", "version": "2025-12-08"},
        "servers": [{"url": f"{HOST}/api/v1"}],
        "security": [{"bearerAuth": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearerAuth": {"type": "http", "scheme": "bearer"},
                "privacyPassAuth": redeem if needs_pass else no_pass,
            }
        },
    }
    return OpenAPI.from_dict(document, base_uri=f"{folder.resolve().as_uri()}/")


def _below_server(path: str) -> str:
    for server in ("/api/privacy/v1", "/api/v1"):
        if path.startswith(f"{server}/"):
            return path.removeprefix(server)
    return path


def _complaint(validate: Any, *arguments: Any) -> str | None:
    """The rules that were broken. Never the values: they may be credentials."""
    try:
        validate(*arguments)
    except OpenAPIError as error:
        cause = error.__cause__
        what = [type(error).__name__, getattr(error, "name", ""), type(cause).__name__]
        for broken in getattr(cause, "schema_errors", ()):
            names_only = broken.validator in ("additionalProperties", "required")
            what.append(broken.message if names_only else f"{broken.validator} of {broken.path}")
        return ", ".join(filter(None, what))
    return None


@dataclass
class Request:
    """A recorded request, as the validator wants it."""

    exchange: Exchange
    parameters: RequestParameters = field(init=False)

    def __post_init__(self) -> None:
        self.parameters = RequestParameters(header=Headers(self.exchange.request_headers))

    @property
    def host_url(self) -> str:
        return HOST

    @property
    def path(self) -> str:
        return self.exchange.path

    @property
    def method(self) -> str:
        return self.exchange.method.lower()

    @property
    def body(self) -> bytes | None:
        return self.exchange.body.encode() or None

    @property
    def content_type(self) -> str:
        return self.exchange.headers.get("content-type", "").lower()


class Answer:
    """A recorded answer, as the validator wants it."""

    def __init__(self, exchange: Exchange) -> None:
        self.status_code = exchange.status or 0
        self.headers = Headers(exchange.answer_headers)
        self.content_type = self.headers.get("content-type", "").lower()
        self.data = exchange.answer_body.encode()
