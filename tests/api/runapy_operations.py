"""Operations by the vendor's client, each by the client's own method, as a program.

    runapy_operations.py list                         what its methods ask for
    runapy_operations.py run URL CLIENT SECRET FILE   calls those that the file tells, in groups
                                                      that each sign in

It is run where `import runai` gives the vendor's client. A method is named by its class and itself;
the ids of a path stand in the order of the path.
"""

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from runai import api
from runai.api_client import ApiClient
from runai.configuration import Configuration
from runai.exceptions import ApiException


class Recorder:
    """A client that asks for nothing, and knows what it was to ask for."""

    def call_api(self, resource_path: str, method: str, body: Any = None, **_: Any) -> None:
        self.operation = f"{method} {resource_path}"
        self.body = body


def methods() -> Iterator[str]:
    """Every method of every class of the client that is for one operation."""
    for name, found in inspect.getmembers(api, inspect.isclass):
        for method, function in vars(found).items():
            if name.endswith("Api") and not method.startswith("_") and callable(function):
                yield f"{name}.{method}"


def function_of(method: str) -> Callable[..., Any]:
    """The method, without what says that it is deprecated and hides its parameters."""
    owner, _, name = method.partition(".")
    function = vars(getattr(api, owner))[name]
    plain: Callable[..., Any] = inspect.getclosurevars(function).nonlocals.get("func", function)
    return plain


def call(method: str, client: Any, words: dict[str, Any]) -> Any:
    """Call a method of the class, for that client."""
    owner = getattr(api, method.partition(".")[0])
    return function_of(method)(owner(client), **words)


def parameters(method: str) -> tuple[list[str], list[str]]:
    """Those that must be given, and those that are bodies, which need not be."""
    known = list(inspect.signature(function_of(method)).parameters.values())[1:]
    return (
        [each.name for each in known if each.default is inspect.Parameter.empty],
        [each.name for each in known if "models." in str(each.annotation)],
    )


def recorded(method: str) -> tuple[str, list[str], str | None]:
    """The operation with its ids as `{}`, their parameters in the order of the path, and the
    body's parameter."""
    recorder = Recorder()
    needed, bodies = parameters(method)
    marks = {word: f"<{word}>" for word in (*needed, *bodies)}
    call(method, recorder, dict(marks))
    operation = recorder.operation.partition("?")[0]
    # The client writes all of a path with dashes.
    places = {word: operation.find(mark.replace("_", "-")) for word, mark in marks.items()}
    ids = sorted((word for word, place in places.items() if place >= 0), key=places.__getitem__)
    for word in ids:
        operation = operation.replace(marks[word].replace("_", "-"), "{}")
    body = next((word for word, mark in marks.items() if recorder.body == mark), None)
    return operation, ids, body


def answered(client: ApiClient, request: dict[str, Any]) -> tuple[int, str]:
    """The status of one request, and what a refusal said."""
    _, ids, body = recorded(request["method"])
    words = dict(zip(ids, request["ids"], strict=True))
    if body is not None:
        words[body] = request["body"]
    known = inspect.signature(function_of(request["method"])).parameters
    words |= {word: value for word, value in request["query"].items() if word in known}
    try:
        return call(request["method"], client, words).status_code, ""
    except ApiException as error:
        return error.status, str(error.body)
    except Exception as error:
        return 0, repr(error)


def main() -> Any:
    if sys.argv[1] == "list":
        return {method: recorded(method)[0] for method in methods()}
    url, client_id, secret, requests = sys.argv[2:]
    seen: dict[str, tuple[int, str]] = {}
    for group in json.loads(Path(requests).read_text()):
        configuration = Configuration(client_id=client_id, client_secret=secret, runai_base_url=url)
        client = ApiClient(configuration)
        seen |= {request["method"]: answered(client, request) for request in group}
    return seen


if __name__ == "__main__":
    print(json.dumps(main()))
