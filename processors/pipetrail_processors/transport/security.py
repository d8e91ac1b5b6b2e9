"""The connection's security, said in librdkafka's properties, for aiokafka, which the consumer runs on.

Both clients of the processor must get in the same way. What aiokafka has no word for stops the program.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.errors import SettingError

_SETTING = "PIPETRAIL_KAFKA_CONFIG"
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_PROTOCOL = "security.protocol"
_MECHANISM = ("sasl.mechanism", "sasl.mechanisms")
_USER, _PASSWORD = "sasl.username", "sasl.password"
_CA, _CERTIFICATE = "ssl.ca.location", "ssl.certificate.location"
_KEY, _KEY_PASSWORD = "ssl.key.location", "ssl.key.password"
_VERIFICATION = "ssl.endpoint.identification.algorithm"
_KNOWN = {_PROTOCOL, *_MECHANISM, _USER, _PASSWORD, _CA, _CERTIFICATE, _KEY, _KEY_PASSWORD, _VERIFICATION}


def consumer_options(kafka: KafkaConnection) -> dict[str, Any]:
    """The keyword arguments of an aiokafka client that say where the cluster is and how to get in.

    Raises:
        SettingError: a property of the connection is about security and has no counterpart in aiokafka, or is wrong.
    """
    properties = {name: value for name, value in kafka.properties.items() if name.startswith(("security.", "sasl.", "ssl."))}
    unknown = sorted(properties.keys() - _KNOWN)
    if unknown:
        raise SettingError(_SETTING, f"{unknown[0]} is not supported by the processor; supported: {', '.join(sorted(_KNOWN))}")
    protocol = _one_of(properties, (_PROTOCOL,), _PROTOCOLS, "PLAINTEXT")
    options: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in kafka.bootstrap_servers.split(",")],
        "security_protocol": protocol,
    }
    if protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": _one_of(properties, _MECHANISM, _MECHANISMS, "PLAIN"),
            "sasl_plain_username": properties.get(_USER),
            "sasl_plain_password": properties.get(_PASSWORD),
        }
    if protocol.endswith("SSL"):
        options["ssl_context"] = _context(properties)
    return options


def _one_of(properties: Mapping[str, str], names: tuple[str, ...], allowed: tuple[str, ...], default: str) -> str:
    given = next((properties[name] for name in names if name in properties), default).upper()
    if given not in allowed:
        raise SettingError(_SETTING, f"{names[0]}={given} is not one of {', '.join(allowed)}")
    return given


def _context(properties: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=properties.get(_CA))
        if _CERTIFICATE in properties:
            context.load_cert_chain(properties[_CERTIFICATE], properties.get(_KEY), properties.get(_KEY_PASSWORD))
    except (OSError, ssl.SSLError) as exc:
        raise SettingError(_SETTING, f"the certificate files cannot be read: {exc}") from exc
    context.check_hostname = properties.get(_VERIFICATION, "https") != "none"
    return context
