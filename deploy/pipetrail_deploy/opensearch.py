"""A local OpenSearch: one node on 127.0.0.1, with the security plugin and TLS, or without both (`insecure`).

Settings by the OpenSearch documentation, "Configuring OpenSearch" and "Security plugin settings". The plugin fills its index
from `config/opensearch-security/` at the first start: there stands how users log in, and nobody who could; users and roles come
through its API afterwards, so that no default password ever exists.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipetrail_deploy.account import Account, give
from pipetrail_deploy.errors import RefusedError
from pipetrail_deploy.places import PRIVATE, make_folder
from pipetrail_deploy.ports import HOST, accepts, free_port
from pipetrail_deploy.rest import Rest
from pipetrail_deploy.settings import write_private
from pipetrail_deploy.tls import ADMIN, NODE, Certificates

HEAP = ("-Xms256m", "-Xmx1g")
_TLS = "plugins.security.ssl"
_CERTIFICATE_FILES = (f"{NODE}.pem", f"{NODE}.key", "ca.pem")
_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1} %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""
_LOGIN = {
    "dynamic": {
        "http": {"anonymous_auth_enabled": False},
        "authc": {
            "basic": {
                "http_enabled": True,
                "transport_enabled": True,
                "order": 0,
                "http_authenticator": {"type": "basic", "challenge": True},
                "authentication_backend": {"type": "internal"},
            }
        },
    }
}
# File of the plugin's configuration → (its type, its content under "config", if it has one).
_SECURITY_FILES: Mapping[str, tuple[str, object]] = {
    "config.yml": ("config", _LOGIN),
    "allowlist.yml": ("allowlist", {"enabled": False}),
    "audit.yml": ("audit", {"enabled": False}),
    "internal_users.yml": ("internalusers", None),
    "roles.yml": ("roles", None),
    "roles_mapping.yml": ("rolesmapping", None),
    "action_groups.yml": ("actiongroups", None),
    "tenants.yml": ("tenants", None),
    "nodes_dn.yml": ("nodesdn", None),
}


@dataclass(frozen=True, slots=True)
class Protection:
    """What the security plugin needs: certificates, and the salt of field masking."""

    certificates: Certificates
    salt: str


class OpenSearch:
    """What is special to OpenSearch (a `server.Program`). `protection` None means plain HTTP for everybody."""

    name = "opensearch"
    title = "OpenSearch"
    option = "--opensearch-port"

    def __init__(
        self, *, java: Path, tree: Path, folder: Path, port: int, account: Account | None, protection: Protection | None
    ) -> None:
        self.port = port
        self.folder = folder
        self._java = java
        self._tree = tree
        self._account = account
        self._protection = protection

    @property
    def rest(self) -> Rest:
        """Its API, as administrator."""
        return Rest(self.port, self._protection.certificates if self._protection else None)

    def prepare(self) -> list[str]:
        """Write its settings and return its command."""
        shutil.rmtree(self._config, ignore_errors=True)
        for folder in (self._config, self._temporary, self.folder / "data"):
            give(self._account, make_folder(folder, PRIVATE))
        texts = {
            "opensearch.yml": _lines(node_settings(self.port, free_port(), self.folder, self._protection)),
            "log4j2.properties": _LOGGING,
        }
        if self._protection:
            make_folder(self._config / "opensearch-security", PRIVATE)
            texts |= {f"opensearch-security/{name}": _security_text(*rest) for name, rest in _SECURITY_FILES.items()}
            for name in _CERTIFICATE_FILES:
                texts[name] = (self._protection.certificates.folder / name).read_text(encoding="ascii")
        for name, text in texts.items():
            write_private(self._config / name, text)
        give(self._account, *self._config.rglob("*"))
        return self._command()

    def is_ready(self) -> bool:
        """Whether it takes requests, and, with the security plugin, lets users log in."""
        if not accepts(self.port):
            return False
        try:
            if self._protection:
                return bool(self.rest.call("GET", "/_plugins/_security/health")["status"] == "UP")
            return bool(self.rest.call("GET", "/_cluster/health")["status"] != "red")
        except RefusedError:
            return False

    @property
    def _config(self) -> Path:
        return self.folder / "config"

    @property
    def _temporary(self) -> Path:
        return self.folder / "tmp"

    def _command(self) -> list[str]:
        return [
            str(self._java),
            *HEAP,
            "-Xss1m",
            "-XX:+UseG1GC",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-OmitStackTraceInFastThrow",
            f"-XX:ErrorFile={self._temporary}/crash-%p.log",
            f"-Djava.io.tmpdir={self._temporary}",
            "-Djava.awt.headless=true",
            "-Djava.locale.providers=CLDR,SPI",  # SPI is how ICU brings what this Java lacks (artifacts.toml)
            "-Dlog4j2.disable.jmx=true",
            "-Dlog4j.shutdownHookEnabled=false",  # the server closes its log itself, after its last line
            # Netty without tricks that the server's own start script forbids it, too.
            "-Dio.netty.noUnsafe=true",
            "-Dio.netty.noKeySetOptimization=true",
            "-Dio.netty.recycler.maxCapacityPerThread=0",
            "-Dio.netty.allocator.numDirectArenas=0",
            f"-javaagent:{self._tree}/agent/opensearch-agent.jar",
            "--add-opens=java.base/java.nio=ALL-UNNAMED",
            "--enable-native-access=ALL-UNNAMED",
            f"-Dopensearch.path.home={self._tree}",
            f"-Dopensearch.path.conf={self._config}",
            "-Dopensearch.distribution.type=zip",
            "-Dopensearch.bundled_jdk=false",
            "-cp",
            str(self._tree / "lib" / "*"),
            "org.opensearch.bootstrap.OpenSearch",
        ]


def node_settings(port: int, transport_port: int, folder: Path, protection: Protection | None) -> dict[str, object]:
    """The opensearch.yml of a single node."""
    return {
        "cluster.name": "pipetrail",
        "node.name": "pipetrail",
        "network.host": HOST,
        "http.port": port,
        "transport.port": transport_port,
        "discovery.type": "single-node",
        "path.data": str(folder / "data"),
        "path.logs": str(folder / "tmp"),
        # By default a disk that is 95 % full turns indices read-only, however much room that is.
        "cluster.routing.allocation.disk.watermark.low": "1gb",
        "cluster.routing.allocation.disk.watermark.high": "500mb",
        "cluster.routing.allocation.disk.watermark.flood_stage": "250mb",
        **(_protected(protection) if protection else {"plugins.security.disabled": True}),
    }


def _protected(protection: Protection) -> dict[str, object]:
    files = {"pemcert_filepath": f"{NODE}.pem", "pemkey_filepath": f"{NODE}.key", "pemtrustedcas_filepath": "ca.pem"}
    return {
        **{f"{_TLS}.{layer}.{key}": file for layer in ("transport", "http") for key, file in files.items()},
        f"{_TLS}.transport.enforce_hostname_verification": False,  # one node, known by its certificate's name
        f"{_TLS}.http.enabled": True,
        f"{_TLS}.http.clientauth_mode": "OPTIONAL",
        "plugins.security.allow_default_init_securityindex": True,
        "plugins.security.authcz.admin_dn": [f"CN={ADMIN}"],
        "plugins.security.nodes_dn": [f"CN={NODE}"],
        "plugins.security.restapi.roles_enabled": ["all_access"],
        "plugins.security.audit.type": "noop",
        "plugins.security.compliance.salt": protection.salt,
    }


def _security_text(kind: str, config: object) -> str:
    meta = {"type": kind, "config_version": 2}
    return _lines({"_meta": meta} if config is None else {"_meta": meta, "config": config})


def _lines(values: Mapping[str, object]) -> str:
    """YAML, of which JSON values are a part."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())
