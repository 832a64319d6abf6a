"""What is no HTTP, no JSON or no path of the gateway's is refused, and reaches nobody."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

import proofs
from proofs import Gateway
from sandbox import Sandbox
from wire import request, talk

CREATE = b'{"claim-type":"age_over18_verified"}'


@pytest.fixture(scope="module")
def served(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with proofs.running_gateway(
        running, tmp_path_factory.mktemp("gateway"), "--head-seconds", "2"
    ) as gateway:
        yield gateway


@pytest.fixture
def gateway(served: Gateway, sandbox: Sandbox) -> Iterator[Gateway]:
    with proofs.unharmed(served, sandbox):
        yield served


CHUNKED = "POST /relays HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n"

NOT_HTTP: dict[str, bytes] = {
    "noise": bytes(range(256)) * 4,
    "zeros": b"\x00" * 1_000,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x55" * 500,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9": b"GET /healthz HTTP/9.9\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\n\r\n",
    "a space before the colon": request("GET", "/healthz", b"", "Header : x"),
    "a folded header": request("GET", "/healthz", b"", "X: a\r\n b"),
    "NUL in a header": request("GET", "/healthz", b"", "X: a\x00b"),
    "CR in a header": request("GET", "/healthz", b"", "X: a\rb"),
    "a header without a colon": request("GET", "/healthz", b"", "nothing"),
    "a nameless header": request("GET", "/healthz", b"", ": x"),
    "NUL in the path": request("GET", "/health\x00z"),
    "a space in the path": request("GET", "/health z"),
    "a length in words": b"POST /relays HTTP/1.1\r\nHost: g\r\nContent-Length: ten\r\n\r\n",
    "a length below zero": b"POST /relays HTTP/1.1\r\nHost: g\r\nContent-Length: -1\r\n\r\n",
    "a length with a sign": b"POST /relays HTTP/1.1\r\nHost: g\r\nContent-Length: +5\r\n\r\n",
    "a length too long": (
        b"POST /relays HTTP/1.1\r\nHost: g\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n"
    ),
    "two lengths": request("POST", "/relays", CREATE, "Content-Length: 5"),
    "a list of lengths": request("POST", "/relays", CREATE, "Content-Length: 5, 6"),
    "an unknown coding": b"POST /relays HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: gold\r\n\r\n",
    "chunked, but not last": (
        b"POST /relays HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked, gold\r\n\r\n0\r\n\r\n"
    ),
    "a chunk's size in words": f"{CHUNKED}\r\nZZ\r\nab\r\n0\r\n\r\n".encode(),
    "a chunk's size too long": f"{CHUNKED}\r\n{'F' * 20}\r\nab\r\n".encode(),
    "a chunk with more than its size": f"{CHUNKED}\r\n2\r\nabcdef\r\n0\r\n\r\n".encode(),
    "a chunk below zero": f"{CHUNKED}\r\n-1\r\nab\r\n0\r\n\r\n".encode(),
    "a chunk with a long extension": f"{CHUNKED}\r\n1;{'x' * 100_000}\r\na\r\n0\r\n\r\n".encode(),
    "trailers without an end": f"{CHUNKED}\r\n0\r\n".encode() + b"X: y\r\n" * 20_000 + b"\r\n",
}


@pytest.mark.parametrize("data", NOT_HTTP.values(), ids=NOT_HTTP.keys())
def test_what_is_not_http_is_refused(gateway: Gateway, sandbox: Sandbox, data: bytes) -> None:
    answered = talk(gateway, data)
    assert len(answered) <= 1
    assert all(400 <= answer.status < 500 for answer in answered), answered
    assert sandbox.exchanges() == []


SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: g\r\nRequest-Id: smuggled\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("length", [len(SMUGGLED) + 5, 5])
@pytest.mark.parametrize("coding", ["chunked", "Chunked", " chunked", "chunked\r\nX: y"])
def test_a_request_with_two_ends_hides_no_other(gateway: Gateway, length: int, coding: str) -> None:
    """A proxy that believed in the other end would take the rest for somebody else's request."""
    head = f"POST /relays HTTP/1.1\r\nHost: g\r\nContent-Length: {length}\r\n"
    data = f"{head}Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n".encode() + SMUGGLED
    answered = talk(gateway, data)
    assert len(answered) <= 1, answered
    assert all(400 <= answer.status < 500 for answer in answered)


CANARY = "canary-0123456789abcdef"

# The public key of RFC 7638, section 3.1.
N = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc"
    "_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQ"
    "R0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bF"
    "TWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)
JWK = f'"kty":"RSA","n":"{N}","e":"AQAB"'


def with_key(members: str) -> bytes:
    """A body to create a relay with these members beside the claim type."""
    return f'{{"claim-type":"age_over18_verified",{members}}}'.encode()


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": CANARY.encode(),
    "half of it": CREATE[:-1],
    "more behind it": CREATE + b"{}",
    "an array": b"[]",
    "a text": b'"age_over18_verified"',
    "null": b"null",
    "a mark of byte order": b"\xef\xbb\xbf" + CREATE,
    "UTF-16": CREATE.decode().encode("utf-16"),
    "no UTF-8": b'{"claim-type":"\xff\xfe' + CANARY.encode() + b'"}',
    "an overlong form": b'{"claim-type":"\xc0\xae"}',
    "half a pair": b'{"claim-type":"\\ud800"}',
    "NUL": b'{"claim-type":"age\\u0000over"}',
    "a raw NUL": b'{"claim-type":"age\x00over"}',
    "a line break": b'{"claim-type":"age\\r\\nX-Injected: 1"}',
    "a member twice": b'{"claim-type":"a","claim-type":"b"}',
    "a member twice, once escaped": b'{"claim-type":"a","\\u0063laim-type":"b"}',
    "an unknown member": b'{"claim-type":"a","' + CANARY.encode() + b'":1}',
    "another casing": b'{"claimType":"age_over18_verified"}',
    "a number for a text": b'{"claim-type":1e400}',
    "a number of 60,000 digits": b'{"claim-type":' + b"9" * 60_000 + b"}",
    "not a number": b'{"claim-type":NaN}',
    "a text for a truth": b'{"claim-type":"a","sandbox":"true"}',
    "a comment": b'{/* */"claim-type":"a"}',
    "a text of 60,000 characters": b'{"claim-type":"' + b"a" * 60_000 + b'"}',
    "30,000 arrays in each other": b"[" * 30_000 + b"]" * 30_000,
    "10,000 objects in each other": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "depth in a member": b'{"claim-type":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "a key that is none": (
        b'{"claim-type":"age_over18_verified","encryption-key-pem":"' + CANARY.encode() + b'"}'
    ),
    "a JWK with a member twice": with_key(f'"encryption-key-jwk":{{{JWK},"e":"AQAB"}}'),
    "a JWK with a member twice, once escaped": with_key(
        f'"encryption-key-jwk":{{{JWK},"\\u0065":"AQAB"}}'
    ),
    "a JWK twice": with_key(f'"encryption-key-jwk":{{{JWK}}},"encryption-key-jwk":{{{JWK}}}'),
    "a private JWK": with_key(f'"encryption-key-jwk":{{{JWK},"d":"{CANARY}"}}'),
    "a JWK in a text": with_key(f'"encryption-key-jwk":"{CANARY}"'),
    "a JWK that is a list": with_key(f'"encryption-key-jwk":["{CANARY}"]'),
}


def test_the_jwk_that_wrong_bodies_are_made_of_is_right(gateway: Gateway, sandbox: Sandbox) -> None:
    body = with_key(f'"encryption-key-jwk":{{{JWK}}}')
    (answer,) = talk(gateway, request("POST", "/relays", body))
    assert answer.status == 201
    (exchange,) = sandbox.exchanges()
    assert json.loads(exchange.body)["encryption-key-jwk"]["n"] == N


def test_a_key_in_both_forms_is_refused_for_that(gateway: Gateway, sandbox: Sandbox) -> None:
    body = with_key(f'"encryption-key-pem":"{CANARY}","encryption-key-jwk":{{{JWK}}}')
    (answer,) = talk(gateway, request("POST", "/relays", body))
    assert (answer.status, answer.code) == (400, "invalid_argument")
    assert "not both" in answer.text
    assert CANARY not in answer.text
    assert sandbox.exchanges() == []


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_wrong_body_is_refused_and_not_repeated(
    gateway: Gateway, sandbox: Sandbox, body: bytes
) -> None:
    (answer,) = talk(gateway, request("POST", "/relays", body))
    assert (answer.status, answer.code) == (400, "invalid_argument")
    assert not answer.is_retryable
    assert CANARY not in answer.text
    assert CANARY not in gateway.log()
    assert "x-injected" not in answer.headers
    assert sandbox.exchanges() == []


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "IDENTITY", ""])
def test_an_encoding_that_is_not_read_is_called_that(
    gateway: Gateway, sandbox: Sandbox, encoding: str
) -> None:
    answer = gateway.call(
        "POST", "/relays", json.loads(CREATE), headers={"Content-Encoding": encoding}
    )
    if encoding in ("IDENTITY", ""):
        assert answer.status == 201
        return
    assert (answer.status, answer.code) == (415, "invalid_argument")
    assert b"Content-Encoding" in answer.body
    assert sandbox.ledger()["relays"] == 0


def test_requests_in_one_go_are_answered_in_order(gateway: Gateway, sandbox: Sandbox) -> None:
    """The first one is slow, and the others fail, or are quick."""
    sandbox.faults({"step": "create", "fault": "delay", "milliseconds": 300})
    kinds = [
        ("POST", "/relays", CREATE, 201),
        ("GET", "/healthz", b"", 200),
        ("POST", "/relays", b"{}", 400),
        ("GET", "/nothing", b"", 404),
        ("PUT", "/relays", b"", 405),
        ("POST", "/verifications", b"{}", 401),
    ] * 5
    data = b"".join(
        request(
            method,
            path,
            body,
            f"Request-Id: pipelined-{number}",
            more_follows=number < len(kinds) - 1,
        )
        for number, (method, path, body, _) in enumerate(kinds)
    )
    answered = talk(gateway, data)
    assert [answer.status for answer in answered] == [status for *_, status in kinds]
    assert [answer.headers["request-id"] for answer in answered] == [
        f"pipelined-{number}" for number in range(len(kinds))
    ]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "GOLD", "get"])
@pytest.mark.parametrize("path", ["/relays", "/relays/privacy-passes", "/verifications"])
def test_an_unknown_method_is_refused(gateway: Gateway, method: str, path: str) -> None:
    (answer,) = talk(gateway, request(method, path))
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    ["/", "//relays", "/relays/", "/Relays", "/relays/a", "/relays/a/redeem/", "/verifications/",
     "/_sandbox/ledger", "/api/privacy/v1/relays", "/metrics/../relays", "/./healthz", "*"],
)  # fmt: skip
def test_an_unknown_path_is_refused(gateway: Gateway, sandbox: Sandbox, path: str) -> None:
    method = "OPTIONS" if path == "*" else "POST"
    (answer,) = talk(gateway, request(method, path, CREATE))
    assert (answer.status, answer.code) == (404, "not_found")
    assert sandbox.exchanges() == []


def test_a_proxy_it_is_not(gateway: Gateway, sandbox: Sandbox) -> None:
    assert [it.status for it in talk(gateway, request("CONNECT", "127.0.0.1:22"))] in ([404], [405])
    (answer,) = talk(gateway, request("POST", f"{sandbox.url}/_sandbox/reset", b"{}"))
    assert (answer.status, answer.code) == (404, "not_found")


RELAY_TOKENS = {
    "a slash": "%2F",
    "a way out": "..",
    "a way out, encoded": "%2e%2e",
    "a way out and in again": "..%2Frelays",
    "a longer way out": "..%2f..%2f..%2f_sandbox%2freset%3f",
    "a backslash": "..%5C..%5Cx",
    "NUL": "relay_%00",
    "a line break": "relay_%0d%0aX-Injected:%201",
    "a question": "relay_a%3Fb=c",
    "a fragment": "relay_a%23b",
    "a semicolon": "relay_a;b=c",
    "a space": "relay_%20a",
    "no UTF-8": "%ff%fe",
    "half an encoding": "%",
    "a bad encoding": "%zz",
    "encoded twice": "%252e%252e%252f",
    "letters of elsewhere": "%E2%80%AE%F0%9F%92%A9",
    "20,000 characters": "a" * 20_000,
    "a template": "{relay-token}",
}


@pytest.mark.parametrize("token", RELAY_TOKENS.values(), ids=RELAY_TOKENS.keys())
def test_a_relay_token_leads_nowhere_else(gateway: Gateway, sandbox: Sandbox, token: str) -> None:
    privacy_pass = proofs.read_pass(proofs.issue(gateway.url, sandbox.production_api_key))
    before = len(sandbox.exchanges())
    body = f'{{"privacy-pass-token":"{privacy_pass}"}}'.encode()
    secret = f"Persona-Relay-Secret: {secrets.token_hex(16)}"
    (answer,) = talk(gateway, request("POST", f"/relays/{token}/redeem", body, secret))
    assert 400 <= answer.status < 500
    assert answer.code in ("invalid_argument", "not_found")
    assert "x-injected" not in answer.headers
    prefix, suffix = "/api/privacy/v1/relays/", "/generate-claim"
    for exchange in sandbox.exchanges()[before:]:
        inside = exchange.path.removeprefix(prefix).removesuffix(suffix)
        assert exchange.path == f"{prefix}{inside}{suffix}"
        assert not set(inside) & set("/?# \\"), "the token is more than a part of the path"
        assert unquote(inside) not in (".", "..")
