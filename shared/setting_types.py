"""The kinds of values that settings have, and what is refused."""

import re
import ssl
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAliasType, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
)


class Part(BaseModel):
    """A part of `Settings`. The whole alone is ever validated, so a part gets no validator of its own."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Credential(StrEnum):
    """How the app proves who it is."""

    MANAGED_IDENTITY = "managed-identity"
    DEFAULT = "default"
    LOCAL = "local"


class TargetName(StrEnum):
    """The ERPs that there are; each has a folder in shared/targets."""

    OPERATIONS = "operations"
    BUSINESS_CENTRAL = "business-central"
    NAV = "nav"


class NavProtocol(StrEnum):
    """The OData versions that NAV speaks."""

    V4 = "v4"
    V3 = "v3"


class ExistingCustomer(StrEnum):
    """What to do when a customer of an account's number is there already."""

    MATCH = "match"
    ADOPT = "adopt"
    PARK = "park"


class OnGone(StrEnum):
    """What becomes of the customer of an account that was deleted or deactivated."""

    BLOCK = "block"
    IGNORE = "ignore"


_ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?/?", re.IGNORECASE)


def _origin(url: str, info: ValidationInfo) -> str:
    """Scheme, host and port. Bearer tokens go there: over https, except on the local stand."""
    if not _ORIGIN.fullmatch(url.strip()):
        message = "must be an address such as https://contoso.crm.dynamics.com, without path, query or user"
        raise ValueError(message)
    origin = url.strip().rstrip("/").lower()
    if origin.startswith("http:") and info.data.get("credential") is not Credential.LOCAL:
        message = "must begin with https://; http is for CREDENTIAL=local only"
        raise ValueError(message)
    return origin


_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def _base(url: str, info: ValidationInfo) -> str:
    """An origin and a path under which all requests stay, such as that of a tenant and an environment."""
    parts = re.fullmatch(r"(https?://[^/?#]+)([^?#]*)", url.strip().rstrip("/"), re.IGNORECASE)
    if parts is None or not _PATH.fullmatch(parts[2]) or ".." in parts[2].split("/"):
        message = "must be an address such as https://erp.contoso.com/path, without query or user"
        raise ValueError(message)
    return _origin(parts[1], info) + parts[2]


def _relative(path: str) -> str:
    if not _PATH.fullmatch(f"/{path}") or ".." in path.split("/"):
        message = "must be a path such as api/v2.0"
        raise ValueError(message)
    return path


_PACKAGE = Path(__file__).parents[1]


def _authority(path: str) -> str:
    """A file with certificates; a relative path begins at the root of the package."""
    file = _PACKAGE / path
    try:
        ssl.create_default_context(cafile=file)
    except OSError:  # no such file, or none of certificates
        message = f"{file} holds no certificate in PEM"
        raise ValueError(message) from None
    return str(file)


def _host(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name):
        message = "must be a host name such as contoso.servicebus.windows.net, without scheme, port or path"
        raise ValueError(message)
    return name


def resolved(secret: SecretStr) -> SecretStr:
    """App Service hands on the text of a reference that it could not resolve, which is no secret."""
    if secret.get_secret_value().startswith("@Microsoft.KeyVault("):
        message = "is a Key Vault reference that was not resolved: check the secret and the role on the vault"
        raise ValueError(message)
    return secret


def connection(*needed: str) -> AfterValidator:
    """Refuses a connection string that lacks one of these parts, or TLS; what it holds is not repeated."""

    def check(text: SecretStr, info: ValidationInfo) -> SecretStr:
        parts = [part.partition("=") for part in text.get_secret_value().split(";")]
        names = {name.strip() for name, _, _ in parts}
        if missing := [name for name in needed if name not in names]:
            message = f"is no connection string of this service: it has no {', '.join(missing)}"
            raise ValueError(message)
        if info.data.get("credential") is not Credential.LOCAL:
            for name, _, value in parts:
                if _without_tls(name.strip().lower(), value.strip().lower()):
                    message = f"{name.strip()} turns TLS off, which is for CREDENTIAL=local only"
                    raise ValueError(message)
        return text

    return AfterValidator(check)


def _without_tls(name: str, value: str) -> bool:
    """Whether this part of a connection string, in lower case, makes an SDK connect without TLS."""
    return (name, value) in {
        ("usedevelopmentemulator", "true"),
        ("defaultendpointsprotocol", "http"),
    } or value.startswith("http://")


type Origin = Annotated[str, AfterValidator(_origin)]
type BaseAddress = Annotated[str, AfterValidator(_base)]
type RelativePath = Annotated[str, AfterValidator(_relative)]
type Secret = Annotated[SecretStr, AfterValidator(resolved)]
type AuthorityFile = Annotated[str, AfterValidator(_authority)]
type Host = Annotated[str, AfterValidator(_host)]
type Seconds = Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)]
type PositiveSeconds = Annotated[Seconds, Field(gt=0)]
type Text = Annotated[str, Field(min_length=1)]


def holds_secret(kind: object) -> bool:
    """Whether a value of this type is a secret; looks through aliases, unions and annotations."""
    if isinstance(kind, TypeAliasType):
        return holds_secret(kind.__value__)
    return kind is SecretStr or any(holds_secret(part) for part in get_args(kind))
