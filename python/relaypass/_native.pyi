"""The native module. Private: it translates between Python and the Rust core, and changes at will.

Checked against the built module by `mypy.stubtest` (`tests/run lint`).
"""

from asyncio import Future
from collections.abc import Callable
from typing import Any, Generic, TypeVar, final

from relaypass.results import (
    ClaimAnswer,
    GeneratedClaimAnswer,
    KeyPairAnswer,
    PrivacyPassAnswer,
    RelayAnswer,
)

__all__ = [
    "Call",
    "Client",
    "Outcome",
    "WhenDone",
    "__version__",
    "_example_failures",
    "generate_key_pair",
    "open_claim",
    "read_key_pair",
]

__version__: str

_Answer = TypeVar("_Answer", covariant=True)

@final
class Outcome(Generic[_Answer]):
    def failure(self) -> dict[str, Any] | None: ...
    def answer(self) -> _Answer: ...

@final
class WhenDone:
    def __call__(self, _future: Future[Any]) -> None: ...

@final
class Call(Generic[_Answer]):
    def wait(self) -> Outcome[_Answer]: ...
    def start(
        self,
        call_soon_threadsafe: Callable[..., object],
        settle: Callable[[Outcome[_Answer]], None],
    ) -> WhenDone: ...

@final
class Client:
    def __new__(
        cls,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        environment: str | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        ca_pem: str | None = None,
        anonymous_proxy: str | None = None,
        identified_proxy: str | None = None,
        decryption_key: str | None = None,
    ) -> Client: ...
    def connect(self) -> Outcome[None]: ...
    def create(
        self,
        *,
        claim_type: str,
        encryption_key: str | None = None,
        timeout: float | None = None,
    ) -> Call[RelayAnswer]: ...
    def issue_privacy_pass(
        self,
        *,
        claim_type: str | None = None,
        relay_token: str | None = None,
        relay_secret: str | None = None,
        timeout: float | None = None,
    ) -> Call[PrivacyPassAnswer]: ...
    def generate_claim(
        self,
        *,
        relay_token: str,
        relay_secret: str,
        privacy_pass_token: str,
        claim_type: str | None = None,
        decryption_key: str | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Call[GeneratedClaimAnswer]: ...
    def noop(self) -> Call[None]: ...

def generate_key_pair(bits: int) -> Outcome[KeyPairAnswer]: ...
def read_key_pair(private_pem: str) -> Outcome[KeyPairAnswer]: ...
def open_claim(
    *,
    claim_payload: str,
    decryption_key: str | None = None,
    claim_type: str | None = None,
) -> Outcome[ClaimAnswer]: ...
def _example_failures() -> list[Outcome[None]]: ...
