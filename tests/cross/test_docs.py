"""What the documentation prints must run as printed."""

from __future__ import annotations

from pathlib import Path

import pytest

import scan_output
from loud import Say, missing
from programs import missing_part
from sandbox import ROOT, Sandbox
from snippets import MARK, Snippet, run_snippet, snippets_of

README = ROOT / "README.md"
PAGES = sorted(page for page in [README, *(ROOT / "docs").rglob("*.md")] if page.exists())
SNIPPETS = [snippet for page in PAGES for snippet in snippets_of(page)]

# With the production key a claim waits for a click, which these programs make.
CLICKED = [
    snippet
    for page in PAGES
    for snippet in snippets_of(page, "<!-- run: sandbox, production key -->")
]


def test_the_readme_has_examples_that_are_run(say: Say) -> None:
    if not README.exists():
        missing("there is no README", say)
    languages = {snippet.language for snippet in snippets_of(README)}
    assert languages & {"python", "py"}, "no Python"
    assert languages & {"javascript", "js"}, "no JavaScript"
    assert languages >= {"kotlin", "swift"}, "no Kotlin, or no Swift"


@pytest.mark.parametrize("snippet", SNIPPETS + CLICKED, ids=lambda snippet: snippet.place)
def test_an_example_runs_as_printed(
    sandbox: Sandbox, snippet: Snippet, tmp_path: Path, say: Say
) -> None:
    language = {"js": "node", "javascript": "node"}.get(snippet.language, snippet.language)
    if lacking := missing_part(language):
        missing(lacking, say)
    key = sandbox.production_api_key if snippet in CLICKED else sandbox.api_key
    env = {"RELAYPASS_BASE_URL": sandbox.url, "RELAYPASS_API_KEY": key}
    done = run_snippet(snippet.language, snippet.code, env, tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(scan_output.findings(done.stdout + done.stderr)) == []
    if snippet.language not in ("sh", "bash", "shell"):
        assert done.stdout.splitlines()[-1:] == ["passed"]
        assert sandbox.ledger()["redeemed"] == 1


def test_a_mark_without_a_block_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    block = f"{MARK}\n\n```sh\ntrue\n```\n"
    page.write_text(f"```sh\nfalse\n```\n\n{block}\n{block}")
    assert [snippet.code for snippet in snippets_of(page)] == ["true\n", "true\n"]
    page.write_text(f"{block}\n{MARK}\n\nNo code.\n")
    with pytest.raises(ValueError, match="without a code block"):
        list(snippets_of(page))


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "raise SystemExit(3)"),
        ("js", "process.exit(3)"),
        ("sh", "(exit 3)\necho went on"),
    ],
)
def test_a_failing_example_fails(tmp_path: Path, language: str, code: str) -> None:
    assert run_snippet(language, code, {}, tmp_path).returncode == 3
