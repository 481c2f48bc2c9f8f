"""The user and groups that replicas run as where they are those of whoever submits."""

from windlass.identity.tokens import Caller
from windlass.kit.errors import FieldError, invalid_fields
from windlass.workloads.inferences.schemas import InferenceSpec

_FROM_TOKEN = "fromIdpToken"


def with_token_user(spec: InferenceSpec, caller: Caller) -> InferenceSpec:
    """The spec with the numbers that the caller's identity provider tells, beside those given.

    They are kept with it: a replica that starts later runs as the same user. Raises BadRequest
    where the provider tells none.
    """
    security = spec.security
    if security is None or security.uid_gid_source != _FROM_TOKEN:
        return spec
    if caller.uid is None and security.run_as_uid is None:
        problem = (
            f"is {_FROM_TOKEN}, and the token of {caller.name} tells no uid: sign in by an identity"
            " provider whose claims do, or choose custom"
        )
        raise invalid_fields([FieldError("spec.security.uidGidSource", problem)])
    told = {
        "run_as_uid": caller.uid,
        "run_as_gid": caller.gid,
        "supplemental_groups": ",".join(map(str, caller.supplementary_gids)) or None,
    }
    lacking = {
        name: value
        for name, value in told.items()
        if value is not None and getattr(security, name) is None
    }
    return spec.model_copy(update={"security": security.model_copy(update=lacking)})
