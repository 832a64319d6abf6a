"""The three steps, by a program that logs all it gets: results, clients, keys and errors, in every
way that Python has to print them. Its own secrets go to the file ``SECRETS``."""

import asyncio
import json
import logging
import os
import pprint
import sys
import traceback
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from relaypass import AsyncRelayPass, EncryptionKey, RelayPass, RelayPassError

SANDBOX_URL = os.environ["SANDBOX_URL"]
OPTIONS: dict[str, Any] = {
    "api_key": os.environ["RELAYPASS_API_KEY"],
    "base_url": os.environ["RELAYPASS_BASE_URL"],
}
CLAIM_TYPE = "age_over18_verified"


def show(thing: object) -> object:
    print(f"{thing} {thing!r} {[thing]}")
    pprint.pprint({"thing": thing})
    logging.debug("%s %r", thing, thing)
    return thing


def show_error(error: BaseException) -> None:
    show(error)
    traceback.print_exception(error)
    logging.exception("logged: %s", error)
    for name in (
        "args",
        "code",
        "operation",
        "title",
        "details",
        "meta",
        "request_id",
        "__cause__",
    ):
        show(getattr(error, name, None))


def make_key() -> EncryptionKey:
    key = EncryptionKey.generate()
    Path(os.environ["SECRETS"]).write_text(json.dumps(key.private_key_pem.splitlines()))
    return key


def visitor_verifies(relay_token: str) -> None:
    url = f"{SANDBOX_URL}/_sandbox/relays/{relay_token}/finish"
    body = json.dumps({"result": os.environ["VISITOR"]}).encode()
    urlopen(Request(url, data=body, headers={"content-type": "application/json"})).close()


def three_steps(key: EncryptionKey) -> None:
    with RelayPass(**OPTIONS, decryption_key=key) as client:
        show(client)
        show(client.relays)
        relay = client.relays.create(claim_type=CLAIM_TYPE)
        show(relay)
        ticket = client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
        show(ticket)
        visitor_verifies(relay.relay_token)
        answer = client.relays.generate_claim(
            relay_token=relay.relay_token,
            relay_secret=relay.relay_secret,
            privacy_pass_token=ticket.privacy_pass_token,
        )
        show(answer)


async def three_steps_at_once(key: EncryptionKey) -> None:
    async with AsyncRelayPass(**OPTIONS, decryption_key=key) as client:
        show(client)
        relay, ticket = await asyncio.gather(
            client.relays.create(claim_type=CLAIM_TYPE),
            client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE),
        )
        show(relay)
        show(ticket)
        visitor_verifies(relay.relay_token)
        call = client.relays.generate_claim(
            relay_token=relay.relay_token,
            relay_secret=relay.relay_secret,
            privacy_pass_token=ticket.privacy_pass_token,
        )
        show(call)
        show(await asyncio.create_task(call))


def misuse(key: EncryptionKey) -> None:
    """Secrets where they do not belong: the complaint must not repeat them."""
    for wrong in (
        lambda: RelayPass(**{**OPTIONS, "api_key": f"{OPTIONS['api_key']}\nx"}),
        lambda: RelayPass(**OPTIONS, environment=OPTIONS["api_key"]),
        lambda: RelayPass(**{**OPTIONS, "base_url": f"http://{OPTIONS['api_key']}@127.0.0.1"}),
        lambda: RelayPass(api_key=OPTIONS["api_key"], base_url=f"x{OPTIONS['api_key']}"),
        lambda: RelayPass(**OPTIONS, identified_proxy=f"ftp://{OPTIONS['api_key']}@127.0.0.1"),
        lambda: RelayPass(**OPTIONS, decryption_key=key.private_key_pem[:-40]),
        lambda: RelayPass(**OPTIONS, ca_pem=key.private_key_pem),
        lambda: RelayPass(**OPTIONS).relays.create(
            claim_type=CLAIM_TYPE, encryption_key=key.private_key_pem
        ),
        lambda: RelayPass(**OPTIONS).relays.create(claim_type=f"{OPTIONS['api_key']} "),
        lambda: RelayPass(**OPTIONS).relays.generate_claim(
            relay_token=f"{OPTIONS['api_key']} ",
            relay_secret=f"{OPTIONS['api_key']} ",
            privacy_pass_token=OPTIONS["api_key"],
        ),
        lambda: RelayPass(**OPTIONS).relays.generate_claim(
            relay_token="relay_1", relay_secret="a", privacy_pass_token=OPTIONS["api_key"]
        ),
        lambda: RelayPass(**OPTIONS).relays.generate_claim(
            relay_token="relay_1", relay_secret=f"{OPTIONS['api_key']} ", privacy_pass_token="a"
        ),
    ):
        try:
            wrong()
        except (RelayPassError, TypeError) as error:
            show_error(error)
        else:
            raise AssertionError("a misuse is accepted")


def main() -> None:
    logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
    key = make_key()
    show(key)
    misuse(key)
    try:
        three_steps(key)
    except RelayPassError as error:
        show_error(error)
    # The same once more. What is not caught, the interpreter prints.
    asyncio.run(three_steps_at_once(key))


main()
