"""Plays a scenario of ``tests/scenarios`` through gateways, as a caller in any language would."""

from __future__ import annotations

import base64
import dataclasses
import json
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, build_opener

import relaypass

from expected import look_up
from gateways import TOKEN, Answer, Gateway, running_gateway
from sandbox import Sandbox

Members = dict[str, Any]


class Refused(Exception):
    """A call ended with an error, whose members are these."""

    def __init__(self, members: Members, place: str) -> None:
        what = f"{members['error']}, {members['status']}"
        super().__init__(f"{what}, of {place}: {members['details']}")
        self.members = members
        self.place = place


class Caller:
    """A caller of one gateway, whose settings are what a scenario calls a client."""

    def __init__(self, gateway: Gateway, described: Members, api_key: str | None) -> None:
        self._gateway = gateway
        self._api_key = api_key
        self._environment = described.get("options", {}).get("environment")
        self._is_sandbox = (self._environment or described.get("environment")) == "sandbox"

    def create(self, claim_type: str, encryption_key: str | Members | None = None) -> Members:
        key = encryption_key
        if isinstance(key, str) and key.startswith("{"):
            key = json.loads(key)
        form = "jwk" if isinstance(key, dict) else "pem"
        body = {"claim-type": claim_type, f"encryption-key-{form}": key}
        return self._post("/relays", {**body, "sandbox": self._is_sandbox})

    def issue_privacy_pass(
        self, has_keys: bool, relay_secret: str | None = None, **body: Any
    ) -> Members:
        headers = {}
        if self._api_key is not None:
            headers["authorization"] = f"Bearer {self._api_key}"
        if relay_secret is not None:
            headers["persona-relay-secret"] = relay_secret
        if has_keys:
            headers["idempotency-key"] = str(uuid.uuid4())
        if self._environment is not None:
            body["sandbox"] = self._is_sandbox
        return self._post("/relays/privacy-passes", kebab(body), headers)

    def redeem(self, relay_token: str, relay_secret: str, privacy_pass_token: str) -> Members:
        path = f"/relays/{quote(relay_token, safe='')}/redeem"
        headers = {"persona-relay-secret": relay_secret}
        return self._post(path, {"privacy-pass-token": privacy_pass_token}, headers)

    def verify(self, name: str, id: str = "", **body: Any) -> Members:
        path = f"/verifications/{quote(id, safe='')}" if name != "start" else "/verifications"
        headers = {"authorization": f"Bearer {TOKEN}"}
        match name:
            case "start":
                return self._post(path, kebab(body), headers)
            case "complete":
                return self._post(f"{path}/complete", kebab(body), headers)
            case "get":
                query = f"?{urlencode(body)}" if body else ""
                return read(self._gateway.get(path + query, headers), "verifications")
            case "forget":
                return read(self._gateway.delete(path, headers), "verifications")
        raise AssertionError(f"there is no such endpoint: {name}")

    def _post(self, path: str, body: Members, headers: dict[str, str] | None = None) -> Members:
        place = "verifications" if path.startswith("/verifications") else "steps"
        return read(self._gateway.post(path, body, headers), place)


def read(answer: Answer, place: str) -> Members:
    """What a call came to: members in snake case, or :class:`Refused`."""
    if answer.status < 400:
        members: Members = snake(answer.json)
        if members and members.get("claim"):
            members["claim"]["passed"] = members["claim"]["claim_result"] == "passed"
        return members
    (error,) = answer.json["errors"]
    members = {
        "error": error["code"],
        "message": error["meta"].get("message", error["details"]),
        "status": answer.status,
        "retryable": error["meta"]["retryable"],
        "title": error["title"],
        "details": error["details"],
        "token_consumed": error["meta"].get("token-consumed"),
        "claim_payload": error["meta"].get("claim-payload"),
    }
    raise Refused(members, place)


class Play:
    """One scenario being played: its gateways, which share a store, and what it saved."""

    def __init__(
        self, scenario: Members, has_keys: bool, sandbox: Sandbox, folder: Path, stack: ExitStack
    ) -> None:
        self._described = scenario.get("client", {})
        # Callers of the three steps bring their own key, so the gateway has none then.
        self._is_stepwise = any(step["do"].startswith("relays.") for step in scenario["steps"])
        self._has_keys = has_keys
        self._sandbox = sandbox
        self._folder = folder
        self._stack = stack
        self._callers: dict[str | None, Caller] = {}
        self._encrypted: set[str] = set()
        self.log = folder / "gateway.log"
        self.saved: Members = {}

    def caller(self, name: str | None = None, laid_over: Members | None = None) -> Caller:
        """The caller of this name, with a gateway of his own."""
        if name not in self._callers:
            described = self._described_anew(laid_over or {})
            self._callers[name] = self._start(described)
        return self._callers[name]

    def make(self, step: Members) -> Any:
        """Does what a step says, and returns the result."""
        arguments = {name: self.resolve(value) for name, value in step.get("with", {}).items()}
        laid_over = step.get("client_options", {})
        laid_over = {name: self.resolve(value) for name, value in laid_over.items()}
        place, _, name = step["do"].partition(".")
        match place, name:
            case "relays", _:
                caller = self.caller(step.get("client"), laid_over)
                return self._make_relay_step(caller, name, arguments)
            case "verifications", _:
                return self.caller(step.get("client"), laid_over).verify(name, **arguments)
            case "generate_key", _:
                key = relaypass.EncryptionKey.generate(**arguments)
                return {
                    "public_key_pem": key.public_key_pem,
                    "public_jwk": key.public_jwk,
                    "private_key_pem": key.private_key_pem,
                }
            case "sandbox", "finish":
                return self._sandbox.finish(**arguments)
            case "sandbox", "visit":
                return visit(**arguments)
            case "sandbox", ("clock" | "faults" | "settings"):
                return self._sandbox.control(name, arguments)
            case "sandbox", ("ledger" | "requests"):
                return self._sandbox.control(name)
        raise AssertionError(f"there is no such step: {step['do']}")

    def _make_relay_step(self, caller: Caller, name: str, arguments: Members) -> Members:
        match name:
            case "create":
                relay = caller.create(**arguments)
                if arguments.get("encryption_key"):
                    self._encrypted.add(relay["relay_token"])
                # The gateway passes the key on as it is given: whoever gave it knows the form.
                return {**relay, "encryption_form": form_of(arguments.get("encryption_key"))}
            case "issue_privacy_pass":
                return caller.issue_privacy_pass(self._has_keys, **arguments)
            case "generate_claim":
                own = ("decryption_key", "claim_type", "encryption_form")
                keys = {key: arguments.pop(key, None) for key in own}
                redeemed = caller.redeem(**arguments)
                can_open = keys["decryption_key"] or arguments["relay_token"] not in self._encrypted
                if can_open or is_in_another_form(redeemed, keys["encryption_form"]):
                    return {**redeemed, "claim": open_claim(redeemed, **keys)}
                return {**redeemed, "claim": None}
        raise AssertionError(f"there is no such step: relays.{name}")

    def _described_anew(self, laid_over: Members) -> Members:
        options = {**self._described.get("options", {}), **laid_over}
        environment = self._described.get("environment", "production")
        if "environment" in laid_over:
            environment = options.pop("environment")
        return {**self._described, "environment": environment, "options": options}

    def _start(self, described: Members) -> Caller:
        production, sandbox = self._sandbox.production_api_key, self._sandbox.api_key
        own_key = production if described["environment"] == "production" else sandbox
        api_key = described.get("api_key", own_key)
        flags, environment = self._settings(described["options"])
        # A pool is for the endpoints that the token opens.
        has_pool = bool(described["options"].get("pass_pool"))
        if api_key is not None and (has_pool or not self._is_stepwise):
            environment |= {"RELAYPASS_API_KEY": api_key, "RELAYPASS_GATEWAY_TOKEN": TOKEN}
        store = described["options"].get("store", "host")
        if store == "host":
            # The gateway's own, with a key of its own beside it.
            store = f"sqlite:{self._folder / 'gateway.sqlite'}"
        else:
            environment.setdefault("RELAYPASS_SEAL_KEY", base64.b64encode(bytes(32)).decode())
        gateway = running_gateway(
            described.get("base_url", self._sandbox.url),
            *flags,
            store=store,
            environment=environment,
            log=self.log,
        )
        return Caller(self._stack.enter_context(gateway), described, api_key)

    def _settings(self, options: Members) -> tuple[list[str], dict[str, str]]:
        """A client's options as flags and environment of the gateway."""
        flags: list[str] = []
        environment: dict[str, str] = {}
        # Nothing waits in scenarios, unless they say so.
        options = {"purchase_window": 0, **options}
        for name, value in options.items():
            match name:
                case "store" | "environment":
                    pass
                case _ if value is None:
                    pass
                case "timeout" | "purchase_window":
                    flags.append(f"--{name.replace('_', '-')}-seconds={value}")
                case (
                    "retries"
                    | "pass_binding"
                    | "pass_pool"
                    | "privacy"
                    | "encryption_form"
                    | "isolation"
                ):
                    flags.append(f"--{name.replace('_', '-')}={value}")
                case "decryption_key":
                    keys = value if isinstance(value, list) else [value]
                    files = ",".join(str(self._file(key)) for key in keys)
                    flags.append(f"--decryption-key-file={files}")
                case "ca_pem":
                    flags.append(f"--ca={self._file(value)}")
                case "anonymous_proxy" | "identified_proxy":
                    # The sandbox takes what is sent to a proxy for itself.
                    proxies = value if isinstance(value, list) else [value]
                    ours = [self._sandbox.url if it == "sandbox" else it for it in proxies]
                    environment[f"RELAYPASS_{name.upper()}"] = ",".join(ours)
                case "seal_key":
                    key = base64.b64encode(bytes.fromhex(value)).decode()
                    environment["RELAYPASS_SEAL_KEY"] = key
                case _:
                    raise AssertionError(f"the gateway has no setting for {name}")
        return flags, environment

    def _file(self, text: str) -> Path:
        path = self._folder / f"{uuid.uuid4()}.pem"
        path.write_text(text)
        return path

    def resolve(self, value: Any) -> Any:
        """What is named by ``$…`` is what a step has saved."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if isinstance(value, dict):
            return {name: self.resolve(member) for name, member in value.items()}
        if isinstance(value, str) and value.startswith("$"):
            return look_up(self.saved, value[1:])
        return value


def form_of(encryption_key: Any) -> str | None:
    """In which form a caller gives a key to the gateway."""
    if encryption_key is None:
        return None
    is_jwk = isinstance(encryption_key, dict) or encryption_key.lstrip().startswith("{")
    return "jwk" if is_jwk else "pem"


def is_in_another_form(redeemed: Members, form: str | None) -> bool:
    """Whether a caller without the key sees that this is not what he waits for."""
    payload: str = redeemed["claim_payload"]
    comes_as = None if payload.startswith("{") else "jwk" if "." in payload else "pem"
    return form in ("pem", "jwk") and comes_as != form


def open_claim(redeemed: Members, **keys: Any) -> Members:
    """What a caller in another language does with his own library."""
    payload, token_consumed = redeemed["claim_payload"], redeemed["token_consumed"]
    try:
        claim = relaypass.open_claim(claim_payload=payload, **keys)
        # Lists where Python has tuples.
        opened: Members = json.loads(json.dumps(dataclasses.asdict(claim)))
        return opened
    except relaypass.RelayPassError as error:
        members = {
            "error": error.code,
            "status": None,
            "retryable": error.retryable,
            "title": error.title,
            "details": error.details,
            "token_consumed": token_consumed,
            "claim_payload": payload,
        }
        raise Refused(members, "open_claim") from None


def visit(hosted_url: str, result: str) -> None:
    """The visitor's part: a click on the page."""
    form = urlencode({"result": result}).encode()
    build_opener(ProxyHandler({})).open(hosted_url, data=form, timeout=10).close()


def kebab(body: Members) -> Members:
    return {name.replace("_", "-"): value for name, value in body.items()}


def snake(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.replace("-", "_"): snake(inner) for name, inner in value.items()}
    return [snake(inner) for inner in value] if isinstance(value, list) else value


def load(file: Path) -> list[Members]:
    scenarios: list[Members] = json.loads(file.read_text())
    return scenarios
