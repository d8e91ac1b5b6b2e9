"""Certificates of the local OpenSearch: an authority, a node and an administrator, made once and kept in `tls/`.

The authority's key is thrown away once both are signed: nobody can sign a third. Profile by RFC 5280, section 4.2.
"""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY, NODE, ADMIN = "pipetrail local authority", "pipetrail-node", "pipetrail-admin"
_VALIDITY = dt.timedelta(days=3650)
_RENEW_BEFORE = dt.timedelta(days=30)
_SKEW = dt.timedelta(hours=1)  # clocks of containers and their hosts differ now and then
_SECRET, _PUBLIC = 0o600, 0o644


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: each certificate beside its key, and the authority's certificate."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The authority's certificate, which clients check the server against."""
        return self.folder / "ca.pem"

    def certificate(self, name: str) -> Path:
        """The certificate of NODE or ADMIN."""
        return self.folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        """The private key of NODE or ADMIN."""
        return self.folder / f"{name}.key"


def ensure(folder: Path, now: dt.datetime) -> Certificates:
    """The certificates in `folder`, made anew when they are missing or soon to expire at `now` (with time zone)."""
    certificates = Certificates(folder)
    if not _valid(certificates, now):
        _make(certificates, now)
    return certificates


def _valid(certificates: Certificates, now: dt.datetime) -> bool:
    files = [certificates.authority, *(certificates.certificate(name) for name in (NODE, ADMIN))]
    keys = [certificates.key(name) for name in (NODE, ADMIN)]
    if not all(file.is_file() for file in (*files, *keys)):
        return False
    expiries = [x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc for file in files]
    return min(expiries) - _RENEW_BEFORE > now


def _make(certificates: Certificates, now: dt.datetime) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = (
        _builder(AUTHORITY, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    for name in (NODE, ADMIN):
        key = ec.generate_private_key(ec.SECP256R1())
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if name == NODE else [])]
        builder = (
            _builder(name, key.public_key(), now)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        )
        if name == NODE:
            addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        _write(certificates.certificate(name), _pem(builder.sign(authority_key, hashes.SHA256())), _PUBLIC)
        _write(certificates.key(name), _key_pem(key), _SECRET)
    _write(certificates.authority, _pem(authority), _PUBLIC)


def _builder(name: str, key: ec.EllipticCurvePublicKey, now: dt.datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_common_name(name))
        .issuer_name(_common_name(AUTHORITY))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode)  # before the secret is in it
    path.chmod(mode)
    path.write_bytes(content)
