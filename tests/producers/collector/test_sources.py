"""The file that says who may send what: what is wrong in it is said with file, line, and what is allowed."""

from pathlib import Path

import pytest
from pipetrail_producers.collector.settings import CollectSettings
from pipetrail_producers.collector.sources import load
from pipetrail_schemas.errors import SettingError
from support.collector import ENV, SOURCES

GITHUB = "{name: forge, system: github, secrets: [{env: GITHUB_WEBHOOK_SECRET}]}"
GENERIC = """sources:
- name: a
  system: generic
  unsigned: true
  instance: https://x
  mapping:
  - kind: b
    when: 'true'
    type: build.done
    id: '1'
"""
ISSUER = "issuer: https://ci.example, audience: us, allow: {repository_owner_id: ['1']}"


def test_a_good_file_says_who_may_send_where(tmp_path: Path) -> None:
    """Sources have their paths, tokens their names; secrets are read from where they stand, and not shown."""
    path = tmp_path / "sources.yaml"
    path.write_text(SOURCES, encoding="utf-8")
    (tmp_path / "old").write_text("an older secret, long enough\n", encoding="utf-8")
    path.write_text(SOURCES.replace("{env: GITHUB_WEBHOOK_SECRET}", "{env: GITHUB_WEBHOOK_SECRET}, {file: old}"), "utf-8")
    found = load(path, ENV)
    assert sorted(found.hooks) == [
        "/hooks/generic",
        "/hooks/generic/in-house",
        "/hooks/github",
        "/hooks/github/forge",
        "/hooks/tekton",
        "/hooks/tekton/cluster",
    ]
    assert found.hooks["/hooks/github"].secrets == (ENV["GITHUB_WEBHOOK_SECRET"], "an older secret, long enough")
    assert found.tokens == (("build-agents", ENV["AGENTS_TOKEN"]),)
    assert not any(secret in repr(found) for secret in (*ENV.values(), "an older secret"))


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", 1, "allows nobody to send anything"),
        ("sources: [", 1, "expected the node content"),
        ("sources:\n  - {name: a, system: github}", 2, "needs either `secrets`, or `unsigned: true`"),
        ("sources:\n  - {name: a, system: git}", 2, "'git' is not known; there are: github, gitlab"),
        (f"sources:\n  - {GITHUB}\n  - {GITHUB}", 1, "two sources have the same name"),
        ("sources:\n  - name: a\n    sytem: github", 3, "is not known here; allowed: name, system"),
        ("sources:\n  - name: a\n    name: b", 3, "stands here a second time"),
        ("sources:\n  - name: A B\n    system: github\n    unsigned: true", 2, "String should match pattern"),
        ("sources:\n  - {name: a, system: github, secrets: [{env: NOT_THERE}]}", 2, "variable NOT_THERE is not set"),
        ("sources:\n  - {name: a, system: github, secrets: [{env: SHORT}]}", 2, "has 5 characters; at least 16"),
        ("sources:\n  - {name: a, system: github, secrets: [{file: gone}]}", 2, "gone cannot be read"),
        ("sources:\n  - {name: a, system: github, secrets: [{env: A, file: b}]}", 2, "needs either `env`"),
        ("sources:\n  - {name: a, system: hoop, secrets: [{env: AGENTS_TOKEN}]}", 2, "is no signing key"),
        ("sources:\n  - {name: a, system: github, scheme: md5, unsigned: true}", 2, "'md5' is not known; there are: github"),
        ("sources:\n  - {name: a, system: generic, unsigned: true}", 2, "belongs to sources of the system `generic`"),
        (
            GENERIC,
            9,
            "of build there are",
        ),
        ("events:\n  tokens:\n    - {name: a, secrets: []}", 3, "is empty"),
        ("events:\n  issuers:\n    - {issuer: 'http://ci.example', allow: {a: [b]}}", 3, "is no https:// URL"),
        ("events:\n  issuers:\n    - {issuer: 'https://ci.example', allow: {a: [b]}}", 3, "needs an `audience`"),
        ("events:\n  audience: us\n  issuers:\n    - {issuer: 'https://ci.example', allow: {}}", 4, "must name a claim"),
        (f"events:\n  issuers:\n    - {{{ISSUER}, algorithms: [HS256]}}", 3, "Input should be 'RS256'"),
        (f"events:\n  unsigned: true\n  issuers:\n    - {{{ISSUER}}}", 2, "goes with neither tokens nor issuers"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    """The message names the file, the line, and what is wrong or allowed."""
    path = tmp_path / "sources.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError) as refused:
        load(path, {**ENV, "SHORT": "short"})
    assert f"PIPETRAIL_COLLECT_SOURCES: {path}:{line}: " in str(refused.value)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "65536", "less than or equal to 65535"),
        ("STORE_BYTES", "1", "greater than or equal to 1048576"),
        ("SOURCES", "gone.yaml", "gone.yaml is no file"),
        ("TLS_KEY", "key.pem", "go together"),
        ("PROT", "1", "is no setting; there are: "),
        ("LOG_LEVEL", "loud", "String should match pattern"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, told: str) -> None:
    """A setting out of bounds, or one that there is not, stops the program and is named."""
    monkeypatch.setenv("PIPETRAIL_COLLECT_SOURCES", str(tmp_path))
    monkeypatch.setenv(f"PIPETRAIL_COLLECT_{name}", value)
    with pytest.raises(SettingError) as refused:
        CollectSettings.load()
    assert "PIPETRAIL_COLLECT_" in str(refused.value)
    assert told in str(refused.value)


def test_sources_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file nobody could send anything: that is said."""
    monkeypatch.delenv("PIPETRAIL_COLLECT_SOURCES", raising=False)
    with pytest.raises(SettingError, match="PIPETRAIL_COLLECT_SOURCES: is needed: file"):
        CollectSettings.load()
