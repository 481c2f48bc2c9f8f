"""Who a provider says that somebody is: from claims to a person. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.identity.users.schemas import is_email

DEFAULT_MAPPERS: Mapping[str, str] = {
    "email": "email",
    "groups": "groups",
    "uid": "uid",
    "gid": "gid",
    "supplementaryGroups": "supplementarygroups",
}
"""Which claim says what; the vendor's platform has the same names, in capitals."""
_LARGEST_ID = 2**32 - 2
_MOST_GROUPS = 1000
_LONGEST_GROUP = 255


class NotWelcome(Exception):
    """The provider vouches for somebody whom the platform does not let in, for the reason given."""


@dataclass(frozen=True, slots=True)
class ProvidedPerson:
    """What a provider tells of a user."""

    external_id: str
    email: str
    groups: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None
    supplementary_gids: tuple[int, ...] = ()


def person_of(
    claims: Mapping[str, Any],
    mappers: Mapping[str, str],
    mandatory: Mapping[str, Any] | None,
) -> ProvidedPerson:
    """Raises NotWelcome that names the claim that is missing or wrong."""
    names = {**DEFAULT_MAPPERS, **mappers}
    _require_mandatory(claims, mandatory)
    email = _claim(claims, names["email"])
    if not isinstance(email, str) or not is_email(email.lower()):
        raise NotWelcome(f"the claim {names['email']!r} must be an e-mail address")
    if claims.get("email_verified") is False:
        raise NotWelcome("the e-mail address is not verified")
    return ProvidedPerson(
        external_id=str(claims["sub"]),
        email=email.lower(),
        groups=_groups(_claim(claims, names["groups"])),
        uid=_number(names["uid"], _claim(claims, names["uid"])),
        gid=_number(names["gid"], _claim(claims, names["gid"])),
        supplementary_gids=_numbers(
            names["supplementaryGroups"], _claim(claims, names["supplementaryGroups"])
        ),
    )


def has_needed_claims(claims: Mapping[str, Any], mappers: Mapping[str, str]) -> bool:
    """Whether the token alone says who somebody is, without the provider being asked for more."""
    names = {**DEFAULT_MAPPERS, **mappers}
    return all(_claim(claims, names[key]) is not None for key in ("email", "groups"))


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    if name in claims:
        return claims[name]
    return next((claims[key] for key in claims if key.lower() == name.lower()), None)


def _require_mandatory(claims: Mapping[str, Any], mandatory: Mapping[str, Any] | None) -> None:
    if mandatory is None:
        return
    found = _claim(claims, mandatory["claim"])
    values = found if isinstance(found, list) else [found]
    if not {str(value) for value in values} & set(mandatory["values"]):
        wanted = ", ".join(mandatory["values"])
        raise NotWelcome(f"the claim {mandatory['claim']!r} must be one of {wanted}")


def _groups(value: Any) -> tuple[str, ...]:
    """A list, or text with commas between."""
    if value is None:
        return ()
    found = value if isinstance(value, list) else str(value).split(",")
    names = [str(name).strip() for name in found]
    if len(names) > _MOST_GROUPS or any(len(name) > _LONGEST_GROUP for name in names):
        raise NotWelcome(f"no more than {_MOST_GROUPS} groups, each of {_LONGEST_GROUP} characters")
    return tuple(dict.fromkeys(name for name in names if name and "\0" not in name))


def _numbers(name: str, value: Any) -> tuple[int, ...]:
    if value is None or value == "":
        return ()
    found: Sequence[Any] = value if isinstance(value, list) else str(value).split(",")
    numbers = (_number(name, each) for each in found)
    return tuple(number for number in numbers if number is not None)


def _number(name: str, value: Any) -> int | None:
    if value is None or value == "":
        return None
    text = str(value[0] if isinstance(value, list) and value else value).strip()
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > _LARGEST_ID:
        raise NotWelcome(f"the claim {name!r} must be a number from 0 to {_LARGEST_ID}")
    return int(text)
