"""The routes file: what it allows, and what it says about what is wrong, with file and line."""

from datetime import timedelta
from pathlib import Path

import pytest
from pipetrail_schemas.errors import SettingError
from pipetrail_sinks.notify.alert import item_of
from pipetrail_sinks.notify.build import Builder
from pipetrail_sinks.notify.file import load
from pipetrail_sinks.notify.links import Links
from pipetrail_sinks.notify.routes import Routes
from support.alerts import NOON, parsed

ENV = {
    "SLACK": "https://hooks.slack.com/services/T/B/x",
    "TEAMS": "https://prod-1.westeurope.logic.azure.com/workflows/1",
    "KEY": "0123456789abcdef0123456789abcdef",
    "SIGNING": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "PASSWORD": "secret",
    "ELSEWHERE": "https://evil.example/TOPSECRET",
}
WHOLE = """\
teams:
  payments: [github.com/acme/pay-*, "https://github.com/acme/shop"]
allow: [alerts.acme.example]
forges: {git.acme.example: gitlab}
links: {trail: "https://audit.acme.example/trails/{trail}"}
max_age: 2d
channels:
  security: {type: slack, webhook: {env: SLACK}}
  bot: {type: slack, token: {env: KEY}, conversation: C0123456789}
  office: {type: teams, webhook: {env: TEAMS}}
  on-call: {type: pagerduty, key: {env: KEY}, region: eu}
  hook: {type: webhook, url: "https://alerts.acme.example/hook", secrets: [{env: SIGNING}]}
  mail: {type: mail, host: mail.acme.example, user: ann, password: {env: PASSWORD}, from: a@acme.example, to: [b@acme.example]}
  screen: {type: console}
routes:
  - name: payments
    when: {team: payments, severity: high, category: [override, policy], environment: [prod*]}
    unless: {rule: [commit-*]}
    to: [security, bot, office]
    group: actor
    wait: 30s
    quiet: {zone: Europe/Berlin, hours: ["Mon-Fri 18:00-08:00"], unless: high}
    throttle: {messages: 5, per: 1h}
    escalate: [{after: 30m, to: [on-call]}]
  - {name: rest, to: [hook, mail, screen]}
"""


def read(folder: Path, text: str) -> Routes:
    """What the file says, with its channels made."""
    path = folder / "routes.yaml"
    path.write_text(text, encoding="utf-8")
    file, content, routes = load(path)
    for channel in Builder(file, content, ENV, lambda: NOON, loopback=False).channels().values():
        channel.close()
    return routes


def test_whole(tmp_path: Path) -> None:
    """Everything that can be said is understood."""
    routes = read(tmp_path, WHOLE)
    payments, rest = routes.routes
    assert routes.max_age == timedelta(days=2)
    assert payments.wait == timedelta(seconds=30)
    assert payments.escalate[0].after == timedelta(minutes=30)
    assert payments.takes(item_of(parsed(1), Links()))
    assert not payments.takes(item_of(parsed(1, repository="https://github.com/acme/other"), Links()))
    assert not payments.takes(item_of(parsed(1, repository=None), Links()))
    assert not payments.takes(item_of(parsed(1, severity="medium"), Links()))
    assert not payments.takes(item_of(parsed(1, category="anomaly"), Links()))
    assert rest.takes(item_of(parsed(1, severity="low"), Links()))


BAD = [
    ("type: console", "type: carrier-pigeon", 14, "carrier-pigeon"),
    ("[hook, mail, screen]", "[hook, mail, nowhere]", 25, "no channel"),
    ("[hook, mail, screen]", "[hook, mail]", 14, "no route leads here"),
    ("wait: 30s", "wait: 30", 21, "like 30s"),
    ("wait: 30s", "wait: [30s]", 21, "like 30s"),
    ("group: actor", "group: colour", 20, "actor"),
    ("severity: high,", "severity: loud,", 17, "critical"),
    ("severity: high,", "severety: high,", 17, "not known"),
    ("team: payments,", "team: payroll,", 17, "no team"),
    ("{rule: [commit-*]}", "{}", 18, "is empty"),
    ("Europe/Berlin", "Europe/Atlantis", 22, "no time zone"),
    ("Mon-Fri 18:00-08:00", "Mon-Fri at night", 22, "not like"),
    ("Mon-Fri 18:00-08:00", "00:00-24:00", 22, "all week"),
    ("messages: 5", "messages: 0", 23, "greater than or equal to 1"),
    ("per: 1h", "per: 0s", 23, "longer than nothing"),
    ("name: rest", "name: payments", 25, "name of two routes"),
    ("name: rest", "name: Rest", 25, "pattern"),
    ("env: SLACK}", "env: NOT_SET}", 8, "not set"),
    ("webhook: {env: SLACK}", "webhook: {file: nowhere}", 8, "cannot be read"),
    ("webhook: {env: SLACK}", "webhook: {}", 8, "needs either"),
    ("webhook: {env: SLACK}", "webhook: {env: ELSEWHERE}", 8, "not among the hosts"),
    (", conversation: C0123456789", "", 9, "needs either"),
    ("https://alerts.acme.example/hook", "http://alerts.acme.example/hook", 12, "only https"),
    ("https://alerts.acme.example/hook", "https://10.0.0.1/hook", 12, "no addresses"),
    ("secrets: [{env: SIGNING}]", "secrets: [{env: KEY}]", 12, "no signing secret"),
    ("secrets: [{env: SIGNING}]", "secrets: []", 12, "at least 1"),
    ("user: ann, ", "", 13, "go together"),
    ("from: a@acme.example", "from: acme.example", 13, "no e-mail address"),
    ("host: mail.acme.example", "host: mail.acme.example, tls: none", 13, "allowed to 127.0.0.1"),
    ("max_age: 2d", "max_age: 2 days", 6, "like 30s"),
    ("links: {trail: ", "links: {trails: ", 5, "not known"),
    ("trails/{trail}", "trails/", 5, "pattern"),
    ("gitlab}", "sourcehut}", 4, "github"),
    ("forges:", "max_age: 1d\nforges:", 7, "second time"),
    ("[alerts.acme.example]", "['https://alerts.acme.example']", 3, "pattern"),
    ("  - {name: rest", "  - {name: rest: x", 25, "expected"),
]


@pytest.mark.parametrize(("old", "new", "line", "said"), BAD)
def test_wrong(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    """What is wrong is said with its line and what is allowed, and without any secret."""
    assert old in WHOLE
    with pytest.raises(SettingError) as caught:
        read(tmp_path, WHOLE.replace(old, new, 1))
    told = str(caught.value)
    assert f"routes.yaml:{line}: " in told
    assert said in told
    assert "TOPSECRET" not in told


def test_empty(tmp_path: Path) -> None:
    """A file that tells nobody anything is wrong."""
    with pytest.raises(SettingError, match=r"routes.yaml:1: channels"):
        read(tmp_path, "")
