"""Gets the app's tokens: by a managed identity in Azure, a person's own sign-in, or the local stand's token.

azure-identity is imported only when a token is first needed: it is the heaviest part of a cold start.
"""

import base64
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.setting_types import Credential
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


class Tokens(Protocol):
    """What proves to one system who the app is."""

    async def authorization(self) -> str:
        """Return the value of the header Authorization. Raises ConfigurationFault, TransientFault."""
        ...


class FixedToken:
    """The token of the local stand."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    async def authorization(self) -> str:
        """Return the token as a header."""
        return self._header


class BasicAuth:
    """A user with a password or a web service access key (RFC 7617)."""

    def __init__(self, user: str, key: str) -> None:
        self._header = f"Basic {base64.b64encode(f'{user}:{key}'.encode()).decode()}"

    async def authorization(self) -> str:
        """Return user and key as a header."""
        return self._header


class EntraTokens:
    """Tokens from Microsoft Entra ID for one system; the credential caches and renews them.

    The credential is made with the first token: a certificate that cannot be used is a fault like others.
    """

    def __init__(self, credential: "Callable[[], AsyncTokenCredential]", scope: str, system: System) -> None:
        self._credential = cache(credential)
        self._scope = scope
        self._system = system

    async def authorization(self) -> str:
        """Return a token for the system's scope, as a header."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

        try:
            return f"Bearer {(await self._credential().get_token(self._scope)).token}"
        except (ClientAuthenticationError, ValueError) as error:  # ValueError: a bad tenant, certificate ...
            raise self._refused() from error
        except HttpResponseError as error:
            if error.status_code in {400, 401, 403, 404}:
                raise self._refused() from error
            raise TransientFault(self._system, "no token could be had") from error
        except AzureError as error:
            raise TransientFault(self._system, "no token could be had") from error

    def _refused(self) -> ConfigurationFault:
        remedy = "Check the app's identity (its secret or certificate, if it has one) and its access there."
        return ConfigurationFault(self._system, "no token was issued.", remedy)


def business_central_credential(settings: Settings) -> "AsyncTokenCredential":
    """Make the credential for Business Central: that of its application, or the app's own identity."""
    tenant, client = str(settings.business_central_tenant_id), str(settings.business_central_client_id)
    if (secret := settings.business_central_client_secret) is not None:
        from azure.identity.aio import ClientSecretCredential

        return ClientSecretCredential(tenant, client, secret.get_secret_value())
    if (certificate := settings.business_central_certificate) is not None:
        from azure.identity.aio import CertificateCredential

        return CertificateCredential(tenant, client, certificate_data=_certificate(certificate))
    return entra_credential(settings)


def _certificate(text: SecretStr) -> bytes:
    """Return a certificate with its key: as PEM, or as the base64 of PKCS#12 in which Key Vault gives it."""
    value = text.get_secret_value()
    return value.encode() if "-----BEGIN" in value else base64.b64decode(value)


def entra_credential(settings: Settings) -> "AsyncTokenCredential":
    """Make the asynchronous credential of azure-identity that the settings name."""
    if settings.credential is Credential.MANAGED_IDENTITY:
        from azure.identity.aio import ManagedIdentityCredential

        return ManagedIdentityCredential(client_id=settings.azure_client_id)
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential(managed_identity_client_id=settings.azure_client_id)
