"""The certificate authorities (CA) that this host trusts beyond its distribution's own.

Universities and companies that look into encrypted connections sign them anew with a CA of
their own. The host was taught to trust it; a container knows nothing of that, and ``pip`` or
``npm`` inside fail with *certificate verify failed* or ``SELF_SIGNED_CERT_IN_CHAIN``. So the
course puts the host's own CAs into every base image (`images.py`), and no Dockerfile of a
lesson needs a line for it.
"""

import base64
import binascii
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import certifi

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
"""Where the bundle of all CAs stands inside an image (Debian's place, and Docker Hub's images')."""

ANCHORS = "/usr/local/share/ca-certificates"
"""Where Debian's ``update-ca-certificates`` inside an image looks for added CAs."""

ADDED = (
    Path("/usr/local/share/ca-certificates"),  # Debian, Ubuntu, Alpine
    Path("/etc/pki/ca-trust/source/anchors"),  # Fedora, Red Hat
    Path("/etc/pki/trust/anchors"),  # SUSE
    Path("/etc/ca-certificates/trust-source/anchors"),  # Arch
)
"""Folders where an administrator adds a CA; Linux only. (macOS and Windows: `_in_store`.)"""

MACOS_KEYCHAIN = "/Library/Keychains/System.keychain"
"""Where macOS keeps what administrators add; Apple's own are in another one."""
STORE_SECONDS = 10.0

DISTRIBUTION = (
    Path("/usr/share/ca-certificates"),  # Debian, Ubuntu: one file each
    Path("/usr/share/pki/ca-trust-source"),  # Fedora, Red Hat: PEM blocks in one file
    Path("/usr/share/pki/trust"),  # SUSE
    Path("/usr/share/ca-certificates/trust-source"),  # Arch
)
"""Folders of the distribution's own CAs."""

VARIABLES = (
    "SSL_CERT_FILE",  # OpenSSL: Python, Ruby, …; uv
    "REQUESTS_CA_BUNDLE",  # Python requests: pipenv, poetry
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",  # node, npm
)
"""The variables by which the usual clients are told of a bundle."""

SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1"
"""The purpose (OID) of certificates for TLS servers."""

_PEM = re.compile(r"-----BEGIN (?:TRUSTED )?CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END")


def own(
    environment: Mapping[str, str] = os.environ,
    added: Sequence[Path] = ADDED,
    distribution: Sequence[Path] = DISTRIBUTION,
) -> list[str]:
    """Return the CA certificates that this host trusts beyond its distribution's, as PEM texts.

    They come from the folders or the system's store in which an administrator adds them, and
    from the bundles that ``$SSL_CERT_FILE`` and ``$REQUESTS_CA_BUNDLE`` name, less what the
    distribution or Mozilla's list (certifi) has. Sorted, each once; unreadable files are passed
    over. Takes 10 ms on Linux.
    """
    found: dict[str, bytes] = {}
    if sys.platform.startswith("linux"):
        for folder in added:
            found |= _in_files(_files(folder))
    bundles = {Path(value) for name in VARIABLES[:2] if (value := environment.get(name))}
    if bundled := _in_files(sorted(bundles)) | _in_store():
        known = _in_files([Path(certifi.where())])
        for folder in distribution:
            known |= _in_files(_files(folder))
        found |= {key: der for key, der in bundled.items() if key not in known}
    return [_pem(found[key]) for key in sorted(found)]


def with_own(bundle: str, certificates: Iterable[str]) -> str:
    """Return `bundle` (PEM) with those of `certificates` at its end that it has not yet."""
    known = set(_certificates(bundle))
    missing = [pem for pem in certificates if not known.issuperset(_certificates(pem))]
    return "".join([bundle.rstrip("\n") + "\n" if bundle.strip() else "", *missing])


def host_bundle() -> str:
    """Return this host's whole bundle (PEM), or Mozilla's where the host has none in a file."""
    for path in (BUNDLE, "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"):
        if text := _read(Path(path)):
            return text
    return _read(Path(certifi.where()))


def variables(certificates: Sequence[str]) -> dict[str, str]:
    """Return the environment of an image that holds these certificates; empty without any."""
    return dict.fromkeys(VARIABLES, BUNDLE) if certificates else {}


def write(certificates: Iterable[str], folder: Path) -> None:
    """Write each certificate to a file of its own, named as ``update-ca-certificates`` wants it."""
    folder.mkdir(parents=True, exist_ok=True)
    for pem in certificates:
        name = hashlib.sha256(pem.encode()).hexdigest()[:12]
        (folder / f"host-{name}.crt").write_text(pem)


def _in_store() -> dict[str, bytes]:
    """Return what a system without such folders keeps in its store; nothing elsewhere.

    Built from documentation (Python's `ssl.enum_certificates`, the manual page security(1)),
    not tried on Windows and macOS. Whatever fails there means that nothing is found.
    """
    try:
        if sys.platform == "win32":
            return _in_windows_store()
        if sys.platform == "darwin":
            return _in_macos_keychain()
    except (OSError, ValueError, AttributeError, subprocess.SubprocessError):
        pass
    return {}


def _in_windows_store() -> dict[str, bytes]:
    """Return the roots that Windows trusts for servers, less those of Microsoft's programme."""
    import ssl

    stores: Any = ssl  # these functions are there on Windows only
    shipped = {der for der, _kind, _trust in stores.enum_certificates("AuthRoot")}
    found = {}
    for der, kind, trust in stores.enum_certificates("ROOT"):
        serves = trust is True or SERVER_AUTHENTICATION in trust
        # Microsoft's own are not in AuthRoot, but they name themselves.
        if kind == "x509_asn" and serves and der not in shipped and b"Microsoft" not in der:
            found[hashlib.sha256(der).hexdigest()] = bytes(der)
    return found


def _in_macos_keychain() -> dict[str, bytes]:
    """Return the CAs of the administrators' keychain that macOS trusts."""

    def security(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = ["/usr/bin/security", *arguments]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=STORE_SECONDS,
            stdin=subprocess.DEVNULL,
        )

    found = {}
    listed = security("find-certificate", "-a", "-p", MACOS_KEYCHAIN).stdout
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "certificate.pem"
        for key, der in _certificates(listed).items():
            file.write_text(_pem(der))
            # To be in the keychain is not yet to be trusted. -l: it is a CA; -L: ask no network.
            options = ["-l", "-L", "-R", "offline", "-c", str(file)]
            if security("verify-cert", *options).returncode == 0:
                found[key] = der
    return found


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.rglob("*") if path.is_file())
    except OSError:
        return []


def _in_files(files: Iterable[Path]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for file in files:
        found |= _certificates(_read(file))
    return found


def _certificates(text: str) -> dict[str, bytes]:
    """Return each certificate of a PEM text (DER), by its SHA-256."""
    found = {}
    for match in _PEM.finditer(text):
        try:
            der = base64.b64decode("".join(match.group(1).split()), validate=True)
        except binascii.Error:
            continue
        found[hashlib.sha256(der).hexdigest()] = der
    return found


def _pem(der: bytes) -> str:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
