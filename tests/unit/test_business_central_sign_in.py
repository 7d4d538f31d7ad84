"""How the app signs in to Business Central: by secret, by certificate or as its own identity."""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import pytest
from azure.identity.aio import CertificateCredential, ClientSecretCredential, ManagedIdentityCredential
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from shared.environment import load_settings
from shared.model.faults import ConfigurationFault, System
from shared.settings import Settings
from shared.web.credentials import EntraTokens, business_central_credential

IN_AZURE = {
    "TARGET": "business-central",
    "BUSINESS_CENTRAL_URL": "https://api.businesscentral.dynamics.com/v2.0/contoso.com/production",
    "BUSINESS_CENTRAL_COMPANY": "CRONUS USA, Inc.",
    "BUSINESS_CENTRAL_TENANT_ID": "5c3e2b1a-9d4f-4a6b-8c7d-0e1f2a3b4c5d",
    "BUSINESS_CENTRAL_CLIENT_ID": "5c3e2b1a-9d4f-4a6b-8c7d-0e1f2a3b4c5e",
    "ServiceBus__fullyQualifiedNamespace": "contoso.servicebus.windows.net",
    "TABLES_ENDPOINT": "https://contoso.table.core.windows.net",
    "DATAVERSE_URL": "https://contoso.crm.dynamics.com",
    "DATAVERSE_ORGANIZATION_ID": "5c3e2b1a-9d4f-4a6b-8c7d-0e1f2a3b4c5f",
    "FINGERPRINT_KEY": "a-fingerprint-key",
}


@cache
def made(*, rsa_key: bool = True) -> tuple[bytes, bytes, bytes]:
    """A certificate as PEM, its key as PEM, and both as PKCS#12, as Key Vault makes them."""
    key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "account-sync")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    return (
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        pkcs12.serialize_key_and_certificates(b"it", key, certificate, None, NoEncryption()),
    )


def settings(**changes: str) -> Settings:
    return load_settings(IN_AZURE | changes)[0]


def pem(*parts: bytes) -> str:
    return b"".join(parts).decode()


def test_a_secret_signs_in() -> None:
    credential = business_central_credential(settings(BUSINESS_CENTRAL_CLIENT_SECRET="it"))
    assert isinstance(credential, ClientSecretCredential)


@pytest.mark.parametrize("form", ["pem", "pkcs12"])
def test_a_certificate_signs_in_in_both_forms_of_the_vault(form: str) -> None:
    certificate, key, packed = made()
    text = pem(key, certificate) if form == "pem" else base64.b64encode(packed).decode()
    credential = business_central_credential(settings(BUSINESS_CENTRAL_CERTIFICATE=text))
    assert isinstance(credential, CertificateCredential)


def test_without_an_application_the_apps_own_identity_signs_in() -> None:
    own = settings(BUSINESS_CENTRAL_TENANT_ID="", BUSINESS_CENTRAL_CLIENT_ID="")
    assert isinstance(business_central_credential(own), ManagedIdentityCredential)


@pytest.mark.parametrize(
    "form", ["a name", "no key", "no certificate", "base64 of something", "cut off", "no RSA"]
)
async def test_what_is_no_certificate_with_its_key_is_a_wrong_set_up(form: str) -> None:
    certificate, key, packed = made()
    text = {
        "a name": "business-central-certificate",
        "no key": pem(certificate),
        "no certificate": pem(key),
        "base64 of something": base64.b64encode(b"no certificate").decode(),
        "cut off": base64.b64encode(packed).decode()[:-7],
        "no RSA": pem(*made(rsa_key=False)[:2]),
    }[form]
    credential = partial(business_central_credential, settings(BUSINESS_CENTRAL_CERTIFICATE=text))
    tokens = EntraTokens(credential, "https://contoso/.default", System.BUSINESS_CENTRAL)
    with pytest.raises(ConfigurationFault, match="no token was issued") as refused:
        await tokens.authorization()
    assert "secret or certificate" in str(refused.value.remedy)
    assert text not in str(refused.value)
