"""The three steps, with an encrypted claim.

Against a local sandbox, which prints the address and the key (production_api_key):

    relaypass sandbox
    RELAYPASS_BASE_URL=… RELAYPASS_API_KEY=… python examples/three_steps.py
"""

import os
from urllib.request import ProxyHandler, Request, build_opener

from relaypass import EncryptionKey, RelayPass

API_KEY = os.environ["RELAYPASS_API_KEY"]
BASE_URL = os.environ["RELAYPASS_BASE_URL"]  # in production: leave it out
CLAIM_TYPE = "age_over18_verified"


def main() -> None:
    key = EncryptionKey.generate()  # in production: made once, and kept with your secrets
    with RelayPass(api_key=API_KEY, base_url=BASE_URL, decryption_key=key) as client:
        # 1. Open a session for the visitor. Names nobody.
        relay = client.relays.create(claim_type=CLAIM_TYPE)
        # 2. Buy a pass. Names you, but not the visitor; the only call that is billed.
        ticket = client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
        visitor_verifies(relay.relay_token)
        # 3. Redeem the pass for the claim. Names nobody.
        answer = client.relays.generate_claim(
            relay_token=relay.relay_token,
            relay_secret=relay.relay_secret,
            privacy_pass_token=ticket.privacy_pass_token,
            claim_type=CLAIM_TYPE,
        )
    print("passed" if answer.claim and answer.claim.passed else "failed")


def visitor_verifies(relay_token: str) -> None:
    """In life the visitor does this in a browser, on Persona's page; here the sandbox is told."""
    url = f"{BASE_URL}/_sandbox/relays/{relay_token}/finish"
    headers = {"content-type": "application/json"}
    direct = build_opener(ProxyHandler({}))  # the sandbox is on this machine
    direct.open(Request(url, data=b'{"result": "passed"}', headers=headers)).close()


if __name__ == "__main__":
    main()
