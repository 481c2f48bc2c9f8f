"""Every route of identity."""

from collections.abc import Callable

from fastapi import APIRouter

from windlass.identity.access_keys import routes as access_key_routes
from windlass.identity.access_keys.service import AccessKeys
from windlass.identity.applications import routes as application_routes
from windlass.identity.applications.service import Applications
from windlass.identity.authentication import Authentication
from windlass.identity.passwords import PasswordWork
from windlass.identity.providers import routes as provider_routes
from windlass.identity.providers.service import Providers
from windlass.identity.sign_in import browser_routes
from windlass.identity.sign_in import routes as sign_in_routes
from windlass.identity.sign_in.browser import BrowserSignIn
from windlass.identity.sign_in.device import Devices
from windlass.identity.sign_in.grants import Grants
from windlass.identity.sign_in.service import SignIn
from windlass.identity.throttle import AddressLimit
from windlass.identity.tokens import TokenAuthority
from windlass.identity.users import routes as user_routes
from windlass.identity.users.service import Users
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.sealing import Seal


def router(
    database: Database,
    authority: TokenAuthority,
    authenticated: Authentication,
    seal: Seal,
    clock: Clock,
    wake: Callable[[], None],
) -> APIRouter:
    """`wake` is called when the gateway has to hear of revoked tokens."""
    passwords = PasswordWork()
    providers = Providers(database, clock, seal, wake)
    browser = BrowserSignIn(database, clock, providers.party)
    devices = Devices(database, clock)
    sign_in = SignIn(database, authority, passwords, clock, browser, devices, wake)
    users = Users(database, clock, passwords, wake)
    applications = Applications(database, clock, wake)
    access_keys = AccessKeys(database, clock, wake)
    routes = APIRouter()
    routes.include_router(sign_in_routes.router(sign_in, Grants(sign_in), authority, authenticated))
    routes.include_router(browser_routes.router(browser, devices, sign_in, AddressLimit(clock)))
    routes.include_router(provider_routes.router(providers, authenticated))
    routes.include_router(user_routes.router(users, authenticated))
    routes.include_router(application_routes.router(applications, authenticated))
    routes.include_router(access_key_routes.router(access_keys, authenticated))
    return routes
