"""Gets the app's tokens: by a managed identity in Azure, a person's own sign-in, or the local stand's token.

azure-identity is imported only when a token is first needed: it is the heaviest part of a cold start.
"""

from typing import TYPE_CHECKING, Protocol

from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.setting_types import Credential
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


class Tokens(Protocol):
    """A source of bearer tokens."""

    async def token(self) -> str:
        """Return a valid token. Raises ConfigurationFault, TransientFault."""
        ...


class FixedToken:
    """The token of the local stand."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        """Return the token."""
        return self._token


class EntraTokens:
    """Tokens from Microsoft Entra ID for one system; the credential caches and renews them."""

    def __init__(self, credential: "AsyncTokenCredential", scope: str, system: System) -> None:
        self._credential = credential
        self._scope = scope
        self._system = system

    async def token(self) -> str:
        """Return a token for the system's scope."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

        try:
            return (await self._credential.get_token(self._scope)).token
        except (ClientAuthenticationError, ValueError) as error:  # ValueError: an invalid tenant or id
            raise self._refused() from error
        except HttpResponseError as error:
            if error.status_code in {400, 401, 403, 404}:
                raise self._refused() from error
            raise TransientFault(self._system, "no token could be had") from error
        except AzureError as error:
            raise TransientFault(self._system, "no token could be had") from error

    def _refused(self) -> ConfigurationFault:
        remedy = "Check the identity of the app and its access to this system."
        return ConfigurationFault(self._system, "no token was issued.", remedy)


def entra_credential(settings: Settings) -> "AsyncTokenCredential":
    """Make the asynchronous credential of azure-identity that the settings name."""
    if settings.credential is Credential.MANAGED_IDENTITY:
        from azure.identity.aio import ManagedIdentityCredential

        return ManagedIdentityCredential(client_id=settings.azure_client_id)
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential(managed_identity_client_id=settings.azure_client_id)
