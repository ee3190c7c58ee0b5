"""How bundle.toml says in what way a server is reached. No secret stands there, only where it lies."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from staithe.config.section import Section
from staithe.config.values import LocalPath, Name, ProxyUrl, mistake


def _without_login(address: str) -> str:
    # What is found is not told: it may be a password.
    if "@" in urlsplit(address).netloc:
        raise mistake(
            "a login in an address ends in git; name it with proxy_username, and with proxy_password as "
            '{ from_file = "PATH" } or { from_env = "NAME" }'
        )
    return address


Proxy = Annotated[ProxyUrl, AfterValidator(_without_login)]


class SecretRef(Section):
    """Where a secret lies; never the secret itself."""

    from_file: LocalPath | None = Field(default=None, description="File whose first line is the secret.")
    from_env: Name | None = Field(default=None, description="Environment variable that holds it.")

    @model_validator(mode="after")
    def _one(self) -> SecretRef:
        if (self.from_file is None) == (self.from_env is None):
            raise mistake("one of from_file and from_env says where the secret is")
        return self


class ConnectionWish(Section):
    """The way to a server, but for its own login."""

    proxy: Proxy | None = Field(default=None, description="Proxy for this server alone.")
    proxy_username: str | None = Field(
        default=None, max_length=255, description="Login at the proxy, with `proxy_password`."
    )
    proxy_password: SecretRef | None = Field(default=None, description="Where the password of `proxy_username` is.")
    ca: LocalPath | None = Field(default=None, description="File with the certificates that sign the server's.")
    client_certificate: LocalPath | None = Field(default=None, description="Client certificate (PEM).")
    client_key: LocalPath | None = Field(default=None, description="Its key (PEM).")

    @model_validator(mode="after")
    def _in_pairs(self) -> ConnectionWish:
        if (self.client_certificate is None) != (self.client_key is None):
            raise mistake("client_certificate and client_key go together")
        if (self.proxy_username is None) != (self.proxy_password is None):
            raise mistake("proxy_username and proxy_password go together")
        if self.proxy_username is not None and self.proxy is None:
            raise mistake("proxy_username is the login of a proxy, and no proxy is named")
        return self


class ServerWish(ConnectionWish):
    """The way to a server, with its login."""

    username: str | None = Field(default=None, max_length=255, description="Login, with `password`.")
    password: SecretRef | None = Field(default=None, description="Where the password of `username` is.")

    @model_validator(mode="after")
    def _whole_login(self) -> ServerWish:
        if (self.username is None) != (self.password is None):
            raise mistake("username and password go together")
        return self
