"""A server of tools with logins, on a port of this machine, for the tests of codex.

It agrees to every login at once, and forgets all tokens while a file `revoked` lies beside that file. The first access token ends soon; later ones do not. One line on standard output says
where it listens; a file named by the second argument is written when a token was renewed.
"""

import os
import secrets
import socket
import sys
import time

from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.fastmcp import FastMCP
from mcp.shared.auth import OAuthToken


class Provider(OAuthAuthorizationServerProvider):
    def __init__(self, renewed_file):
        self.clients, self.codes, self.access, self.refresh = {}, {}, {}, {}
        self.renewed_file = renewed_file

    def forget_if_told(self):
        if os.path.exists(os.path.join(os.path.dirname(self.renewed_file), "revoked")):
            self.access.clear()
            self.refresh.clear()

    async def get_client(self, client_id):
        return self.clients.get(client_id)

    async def register_client(self, client):
        self.clients[client.client_id] = client

    async def authorize(self, client, params):
        code = secrets.token_hex(16)
        self.codes[code] = AuthorizationCode(
            code=code,
            client_id=client.client_id,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            expires_at=time.time() + 60,
            scopes=params.scopes or [],
            code_challenge=params.code_challenge,
            resource=params.resource,
        )
        return construct_redirect_uri(str(params.redirect_uri), code=code, state=params.state)

    async def load_authorization_code(self, client, code):
        return self.codes.get(code)

    def give(self, client_id, scopes, lasts):
        access, refresh = secrets.token_hex(16), secrets.token_hex(16)
        self.access[access] = AccessToken(
            token=access, client_id=client_id, scopes=scopes, expires_at=int(time.time()) + lasts
        )
        self.refresh[refresh] = RefreshToken(token=refresh, client_id=client_id, scopes=scopes)
        return OAuthToken(access_token=access, token_type="Bearer", expires_in=lasts, refresh_token=refresh)

    async def exchange_authorization_code(self, client, code):
        del self.codes[code.code]
        return self.give(client.client_id, code.scopes, 30)

    async def load_refresh_token(self, client, token):
        self.forget_if_told()
        return self.refresh.get(token)

    async def exchange_refresh_token(self, client, token, scopes):
        # Each is good for one time.
        del self.refresh[token.token]
        with open(self.renewed_file, "a") as file:
            file.write("renewed\n")
        return self.give(client.client_id, scopes, 3600)

    async def load_access_token(self, token):
        self.forget_if_told()
        return self.access.get(token)

    async def revoke_token(self, token):
        self.access.clear()
        self.refresh.clear()


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
origin = f"http://127.0.0.1:{port}"
server = FastMCP(
    "notes",
    host="127.0.0.1",
    port=port,
    log_level="ERROR",
    auth_server_provider=Provider(sys.argv[1]),
    auth=AuthSettings(
        issuer_url=origin,
        resource_server_url=f"{origin}/mcp",
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=["notes"], default_scopes=["notes"]
        ),
        revocation_options=RevocationOptions(enabled=True),
        required_scopes=["notes"],
    ),
)


@server.tool()
def note(text: str) -> str:
    """Keeps a note."""
    return f"noted: {text}"


print(f"{origin}/mcp", flush=True)
server.run(transport="streamable-http")
