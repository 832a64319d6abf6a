"""Interpreters that relaypass cannot work in say so, and are left as they were."""

from __future__ import annotations

import sys

import pytest
from support import run_script

BEGIN = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
TRY = '''
try:
    import relaypass
except ImportError as error:
    print(error)
'''
# "legacy" is what mod_wsgi makes: it shares the lock of the main interpreter.
def create(kind):
    if sys.version_info >= (3, 13):
        return interpreters.create(kind)
    return interpreters.create(isolated=kind == "isolated")
"""
REFUSED = "relaypass works in the main interpreter of a process only, and this is a sub-interpreter"


@pytest.mark.parametrize("kind", ["legacy", "isolated"])
@pytest.mark.parametrize("first", ["", "import relaypass"], ids=["alone", "after the main one"])
@pytest.mark.parametrize("is_destroyed", [True, False], ids=["destroyed", "left over"])
def test_a_sub_interpreter_is_told(kind: str, first: str, is_destroyed: bool) -> None:
    destroy = "interpreters.destroy(number)" if is_destroyed else ""
    code = f"""
{first}
number = create("{kind}")
# Its print has a buffer of its own.
interpreters.run_string(number, TRY + "import sys; sys.stdout.flush()")
{destroy}
import relaypass
client = relaypass.RelayPass(base_url="http://127.0.0.1:1", retries=0)
try:
    client.relays.create(claim_type="a")
except relaypass.NetworkError:
    print("the main one works")
"""
    refused, works = run_script(BEGIN + code).splitlines()
    if kind == "isolated" and sys.version_info >= (3, 12):
        assert "does not support loading in subinterpreters" in refused
    else:
        assert refused.startswith(REFUSED)
    assert works == "the main one works"


def test_a_free_threaded_python_is_told() -> None:
    # As if: it does not see modules for the stable ABI.
    output = run_script("""
        import sys, sysconfig
        sysconfig.get_config_vars()["Py_GIL_DISABLED"] = 1
        sys.modules["relaypass._native"] = None
        try:
            import relaypass
        except ImportError as error:
            print(error)
    """)
    assert output == "relaypass has no build for free-threaded Python: use the build with the GIL\n"
