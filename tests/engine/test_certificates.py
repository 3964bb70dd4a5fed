"""What this host trusts beyond its distribution, on certificates made for the test."""

import ssl
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import certifi
import pytest

from capas.engine import certificates


def make(folder: Path, name: str) -> str:
    """Make a CA and return it as PEM."""
    file = folder / f"{name}.made"
    options = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null"
    command = ["openssl", "req", *options.split(), "-subj", f"/CN={name}", "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return file.read_text()


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Return a folder with an administrator's and a distribution's folder."""
    for name in ("added", "distribution"):
        (tmp_path / name).mkdir()
    return tmp_path


def own(host: Path, **environment: Path) -> list[str]:
    variables = {name: str(path) for name, path in environment.items()}
    return certificates.own(variables, [host / "added"], [host / "distribution"])


def test_an_added_certificate_is_found_below_folders(host: Path) -> None:
    pem = make(host, "university")
    (host / "added/it-department").mkdir()
    (host / "added/it-department/ca.crt").write_text(f"a comment\n{pem}")
    assert [text.split() for text in own(host)] == [pem.split()]


def test_of_a_bundle_only_what_the_distribution_lacks(host: Path) -> None:
    ours, theirs = make(host, "company"), make(host, "distribution's")
    (host / "distribution/theirs.crt").write_text(theirs)
    bundle = host / "bundle.pem"
    bundle.write_text(Path(certifi.where()).read_text() + theirs + ours)
    assert own(host, SSL_CERT_FILE=bundle) == [ours]
    assert own(host, REQUESTS_CA_BUNDLE=bundle) == [ours]
    assert own(host, SSL_CERT_FILE=Path(certifi.where())) == []


def test_each_once_and_always_in_the_same_order(host: Path) -> None:
    pems = [make(host, name) for name in ("one", "two", "three")]
    for number, pem in enumerate(pems * 2):
        (host / f"added/{number}.crt").write_text(pem)
    found = own(host)
    assert sorted(found) == sorted(pems)
    for number, pem in enumerate(reversed(pems)):
        (host / f"added/{number}.crt").write_text(pem)
    assert own(host) == found


def test_nothing_where_nothing_is_or_is_legible(host: Path) -> None:
    (host / "added/readme").write_text("-----BEGIN CERTIFICATE-----\nnonsense!\n-----END")
    assert own(host, SSL_CERT_FILE=host / "missing.pem") == []
    assert certificates.variables([]) == {}


def test_a_bundle_gets_what_it_lacks_once(host: Path) -> None:
    first, second = make(host, "first"), make(host, "second")
    bundle = certificates.with_own(first, [first, second])
    assert bundle == first + second
    assert certificates.with_own(bundle, [second]) == bundle
    assert certificates.with_own("", [first]) == first


def test_files_are_named_as_update_ca_certificates_wants_them(host: Path) -> None:
    certificates.write([make(host, "first"), make(host, "second")], host / "out")
    assert [path.suffix for path in (host / "out").iterdir()] == [".crt", ".crt"]


def test_this_host_has_a_bundle() -> None:
    assert "BEGIN CERTIFICATE" in certificates.host_bundle()


# --- stores that are not here: what the documentation says that they answer --------------------


def der(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem)


def on(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "sys", SimpleNamespace(platform=platform))


def test_windows_roots_beyond_microsofts(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, shipped, mail = (make(host, name) for name in ("company", "programme", "mail only"))
    microsofts = make(host, "Microsoft Root")
    _, _, mozillas = Path(certifi.where()).read_text().partition("-----BEGIN")
    known = der("-----BEGIN" + mozillas.partition("\n\n")[0])
    servers = {certificates.SERVER_AUTHENTICATION}
    stores = {
        "AuthRoot": [(der(shipped), "x509_asn", True)],
        "ROOT": [
            (der(ours), "x509_asn", servers),
            (der(shipped), "x509_asn", True),
            (der(microsofts), "x509_asn", True),
            (der(mail), "x509_asn", {"1.3.6.1.5.5.7.3.4"}),
            (known, "x509_asn", True),
        ],
    }
    monkeypatch.setattr(ssl, "enum_certificates", stores.__getitem__, raising=False)
    on("win32", monkeypatch)
    assert own(host) == [ours]


def test_macos_cas_that_administrators_trust(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted, other = make(host, "company"), make(host, "not trusted")

    def security(command: list[str], **_more: Any) -> Any:
        if command[1] == "find-certificate":
            return SimpleNamespace(stdout=trusted + other, returncode=0)
        asked = Path(command[command.index("-c") + 1]).read_text()
        return SimpleNamespace(stdout="", returncode=int(asked != trusted))

    faked = SimpleNamespace(run=security, DEVNULL=None, SubprocessError=OSError)
    monkeypatch.setattr(certificates, "subprocess", faked)
    on("darwin", monkeypatch)
    assert own(host) == [trusted]


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_a_store_that_fails_holds_nothing(
    host: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    on(platform, monkeypatch)  # here are neither the functions nor the program
    assert own(host) == []
