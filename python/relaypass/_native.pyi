"""The native module. Private: it translates between Python and the Rust core, and changes at will.

Checked against the built module by `mypy.stubtest` (`tests/run lint`).
"""

from asyncio import Future
from collections.abc import Callable
from typing import Any, Generic, TypeVar, final

from relaypass.results import Answer

__all__ = [
    "Call",
    "Client",
    "Outcome",
    "StoreCall",
    "WhenDone",
    "__version__",
    "check_store",
    "event_thread_failed",
    "events_need_thread",
    "generate_key_pair",
    "next_event",
    "next_store_call",
    "open_claim",
    "process",
    "read_jwk",
    "read_key_pair",
    "report_unraisable",
    "store_needs_thread",
    "store_thread_failed",
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
    def wait(self, caller: object | None = None) -> Outcome[_Answer]: ...
    def start(
        self,
        call_soon_threadsafe: Callable[..., object],
        settle: Callable[[Outcome[_Answer]], None],
        caller: object | None = None,
    ) -> WhenDone: ...

@final
class StoreCall:
    @property
    def callbacks(self) -> int: ...
    @property
    def caller(self) -> Any: ...
    def question(self) -> tuple[str, tuple[Any, ...]] | None: ...
    def reply(self, answer: object) -> None: ...
    def fail(self, error: BaseException) -> None: ...

@final
class Client:
    def __new__(
        cls,
        given: dict[str, object],
        callbacks: object | None = None,
        store_number: int | None = None,
        event_number: int | None = None,
    ) -> Client: ...
    def connect(self) -> Outcome[None]: ...
    def create(
        self,
        *,
        claim_type: str,
        encryption_key: str | None = None,
        timeout: float | None = None,
    ) -> Call[Answer]: ...
    def issue_privacy_pass(
        self,
        *,
        claim_type: str | None = None,
        relay_token: str | None = None,
        relay_secret: str | None = None,
        timeout: float | None = None,
    ) -> Call[Answer]: ...
    def generate_claim(
        self,
        *,
        relay_token: str,
        relay_secret: str,
        privacy_pass_token: str,
        claim_type: str | None = None,
        decryption_key: str | list[str | None] | None = None,
        idempotency_key: str | None = None,
        encryption_form: str | None = None,
        timeout: float | None = None,
    ) -> Call[Answer]: ...
    def start_verification(
        self,
        *,
        claim_type: str,
        reference: str | None = None,
        theme: str | None = None,
        timeout: float | None = None,
    ) -> Call[Answer]: ...
    def complete_verification(
        self, *, id: str, reissue: bool | None = None, timeout: float | None = None
    ) -> Call[Answer]: ...
    def get_verification(
        self, *, id: str, theme: str | None = None, timeout: float | None = None
    ) -> Call[Answer]: ...
    def forget_verification(self, *, id: str, timeout: float | None = None) -> Call[None]: ...
    def recover_verifications(self, *, timeout: float | None = None) -> Call[int]: ...
    def prune_verifications(self, *, timeout: float | None = None) -> Call[int]: ...
    def create_table(self, *, timeout: float | None = None) -> Call[None]: ...
    def prefetch_passes(
        self, *, claim_type: str, count: int, timeout: float | None = None
    ) -> Call[int]: ...
    def count_passes(self, *, claim_type: str, timeout: float | None = None) -> Call[int]: ...
    def privacy_report(self, *, timeout: float | None = None) -> Call[Answer]: ...
    @property
    def closed(self) -> bool: ...
    def close(
        self, *, timeout: float | None = None, is_called_back: bool = False
    ) -> Call[None]: ...

def generate_key_pair(bits: int) -> Outcome[Answer]: ...
def read_key_pair(*, private_pem: str) -> Outcome[Answer]: ...
def read_jwk(*, private_jwk: str | None) -> Outcome[Answer]: ...
def open_claim(
    *,
    claim_payload: str,
    decryption_key: str | list[str | None] | None = None,
    claim_type: str | None = None,
    encryption_form: str | None = None,
) -> Outcome[Answer]: ...
def store_needs_thread() -> bool: ...
def store_thread_failed() -> None: ...
def next_store_call() -> tuple[StoreCall | object, bool] | None: ...
def report_unraisable(error: BaseException, raised_by: object) -> None: ...
def check_store(store: int, can_reopen: bool) -> Call[Answer]: ...
def events_need_thread() -> bool: ...
def event_thread_failed() -> None: ...
def next_event() -> tuple[int, Any, Answer] | None: ...
def process() -> int: ...
