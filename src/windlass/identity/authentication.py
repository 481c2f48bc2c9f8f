"""The check that every route but a few depends on: who makes the request, and may they?"""

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from windlass.audit.origin import made_by
from windlass.identity.operations import check
from windlass.identity.permissions import Permissions
from windlass.identity.revocation import Revocations
from windlass.identity.tokens import Caller, Presented, TokenAuthority
from windlass.kit.database import Database
from windlass.kit.errors import Forbidden, Unauthorized


class Authentication:
    """A dependency of routes: the caller, by the request's bearer token.

    What takes a permission at the tenant is refused here to those who do not have it.
    """

    def __init__(
        self, authority: TokenAuthority, database: Database, permissions: Permissions
    ) -> None:
        self._authority = authority
        self._revocations = Revocations(database)
        self._permissions = permissions
        # Where the store is across a network nobody else shall wait; else a thread costs more.
        self._in_thread = not database.is_sqlite

    async def __call__(self, request: Request) -> Caller:
        """Raises Unauthorized, or Forbidden, also until a temporary password is changed."""
        return (await self._checked(request, with_temporary_password=False)).caller

    async def presented(self, request: Request) -> Presented:
        """A dependency like it, of what one may do while a temporary password is unchanged.

        Raises Unauthorized, Forbidden.
        """
        return await self._checked(request, with_temporary_password=True)

    async def _checked(self, request: Request, *, with_temporary_password: bool) -> Presented:
        presented = self._authority.verify(_bearer_token(request))
        if self._in_thread:
            await run_in_threadpool(self._check, presented, request, with_temporary_password)
        else:
            self._check(presented, request, with_temporary_password)
        return presented

    def _check(self, presented: Presented, request: Request, with_temporary_password: bool) -> None:
        caller = presented.caller
        made_by(caller.name, caller.type, caller.tenant_id)
        self._permissions.saw_version(self._revocations.require_valid(presented))
        if presented.signed_in.must_change_password and not with_temporary_password:
            raise Forbidden(
                "The password is a temporary one. Choose your own with POST /api/v1/me/password, "
                "then sign in again."
            )
        check(self._permissions, caller, request.method, request.scope["route"].path)


def _bearer_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized(
            "The request carries no bearer token. Ask for one at /api/v1/token and send it as "
            "'Authorization: Bearer <token>'."
        )
    return token.strip()
