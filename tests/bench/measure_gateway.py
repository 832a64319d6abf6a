"""Measures the gateway next to its peer in Node. Alone, it prints its two tables."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from running import BENCH, CLI, NODE, RUST, run, sandbox, serving, table

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOWS = 1000
CLIENTS = 32
IDLE = 10_000
ROUNDS = 5
# Beside the connections, a process has files, pipes and connections to the sandbox.
SPARE_FILES = 200
SQLITE, MEMORY, PEER = "relaypass, SQLite", "relaypass, `memory`", "Node, fastify + blindrsa-ts"
CORE = "relaypass, core"
ENDPOINTS = ("create", "pass", "redeem")


@dataclass
class Measured:
    """What one gateway did."""

    load: dict[str, Any]
    # None where this system does not allow so many open files.
    idle: dict[str, Any] | None

    @property
    def flows_per_cpu_second(self) -> float:
        return float(self.load["flows"] / self.load["cpu_seconds"])


def measure_gateway() -> str:
    """The tables of the gateway: what it does under load, and how that compares with the goals."""
    allow_open_files(IDLE + SPARE_FILES)
    measured = {name: measure(name) for name in (SQLITE, MEMORY, PEER)}
    return f"{what_was_done(measured)}\n\n{how_it_compares(measured, measure_added())}"


def measure(name: str) -> Measured:
    """A gateway under load, and then with connections that are idle."""
    with sandbox("production") as env, running(name, env) as gateway:
        load = run([*LOAD, "flows", str(FLOWS), str(CLIENTS)], env | gateway)
        check_ledger(env, load["asked"])
        idle = None
        if can_hold(IDLE):
            idle = run([*LOAD, "idle", str(IDLE)], env | gateway)
    print(f"  {name}: done, {json.dumps(load)}, {json.dumps(idle)}", file=sys.stderr)
    return Measured(load, idle)


def measure_added() -> dict[str, float]:
    """Milliseconds that a call takes longer than by the core itself, one call at a time.

    The core measures its three steps as whole flows, so this is the mean of the three calls; of the
    rounds, in which all take turns, it is the median.
    """
    flows: dict[str, list[float]] = {CORE: [], SQLITE: [], MEMORY: []}
    count = str(FLOWS // ROUNDS)
    with sandbox() as env:
        for _ in range(ROUNDS):
            core = run([*RUST, "flows", count, "1", count], env)
            flows[CORE].append(1000 * core["seconds"] / core["flows"])
            for name in (SQLITE, MEMORY):
                with running(name, env) as gateway:
                    load = run([*LOAD, "flows", count, "1"], env | gateway)
                flows[name].append(load["flow_milliseconds"])
    print(f"  one at a time: done, milliseconds a flow {json.dumps(flows)}", file=sys.stderr)
    middle = {name: statistics.median(rounds) for name, rounds in flows.items()}
    return {name: (middle[name] - middle[CORE]) / len(ENDPOINTS) for name in (SQLITE, MEMORY)}


LOAD = [*NODE, str(BENCH / "gateway_load.mjs")]


@contextmanager
def running(name: str, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """One of the gateways, asking this sandbox; where it is, and which process."""
    with tempfile.TemporaryDirectory() as folder:
        base_url = {"RELAYPASS_BASE_URL": env["RELAYPASS_BASE_URL"]}
        store = "memory" if name == MEMORY else f"sqlite://{folder}/gateway.sqlite"
        # fastify has no log unless it is asked for one.
        ours = ["--listen=127.0.0.1:0", f"--store={store}", "--log=warn"]
        command = [CLI, "gateway", "--until-stdin-closes", *ours]
        if name == PEER:
            command = [*NODE, BENCH / "gateway_peer.mjs"]
        with serving(command, base_url) as (ready, pid):
            yield {"GATEWAY_URL": ready["url"], "GATEWAY_PID": str(pid)}


def check_ledger(env: dict[str, str], flows: int) -> None:
    """Every flow was real, and none was paid for twice."""
    with urllib.request.urlopen(f"{env['RELAYPASS_BASE_URL']}/_sandbox/ledger") as answer:
        ledger = json.load(answer)
    expected = {"billed": flows, "redeemed": flows, "relays": flows, "double_spends": 0}
    if {name: ledger[name] for name in expected} != expected:
        raise SystemExit(f"{flows} flows, and the ledger says {ledger}")


def allow_open_files(count: int) -> None:
    """As many as this system allows: those who are started inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def can_hold(connections: int) -> bool:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < connections + SPARE_FILES:
        print(f"NOT MEASURED: {connections} connections (ulimit -n {allowed})", file=sys.stderr)
        return False
    return True


def what_was_done(measured: dict[str, Measured]) -> str:
    rows = []
    for name, gateway in measured.items():
        load = gateway.load
        row = [name, f"{load['flows'] / load['seconds']:,.0f}"]
        row.append(f"{1000 * load['cpu_seconds'] / load['flows']:.2f} ms")
        for endpoint in ENDPOINTS:
            times = load["endpoints"][endpoint]
            row.append(f"{times['p50']:,.1f} / {times['p99']:,.1f} ms")
        rows.append([*row, f"{load['peak_mib']:.0f} MiB"])
    head = [f"gateway, {FLOWS:,} whole flows, {CLIENTS} clients", "flows/s", "CPU each"]
    head += [f"{endpoint} p50 / p99" for endpoint in ENDPOINTS]
    return table([*head, "memory, at most"], rows)


def how_it_compares(measured: dict[str, Measured], added: dict[str, float]) -> str:
    peer = measured[PEER]
    rows = []
    for name in (SQLITE, MEMORY):
        ours = measured[name]
        speed = ours.flows_per_cpu_second / peer.flows_per_cpu_second
        memory = ours.load["peak_mib"] / peer.load["peak_mib"]
        idle = "not measured" if ours.idle is None else f"{ours.idle['rss_mib']:.0f} MiB"
        rows.append([name, f"{speed:.1f}x", f"{memory:.2f}x", idle, f"{added[name]:.2f} ms"])
    rows.append(["goal", "at least 3x", "at most 0.20x", "under 200 MiB", "under 1 ms"])
    head = ["the gateway's goals", "flows per CPU second, peer's = 1", "memory, peer's = 1"]
    return table([*head, f"memory, {IDLE:,} idle connections", "added to a call of the core"], rows)


if __name__ == "__main__":
    print(measure_gateway())
