"""Answers of a platform at work, held against what is published and what is described."""

from typing import Any

from tests.api.answers import published_problems
from tests.api.description import Description
from tests.end_to_end.platforms import Platform


class DescribedAnswers:
    """Asks one platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._description = Description(platform.get("/openapi.json"))

    def ask(self, method: str, path: str) -> Any:
        """What is answered to a request that succeeds. Fails unless it is as it should be."""
        answer = self._platform.call(method, path)
        assert answer.status == 200, (method, path, answer.body)
        problems = list(published_problems(method, path, answer.status, answer.json()))
        media_type = {name.lower(): value for name, value in answer.headers.items()}["content-type"]
        problems += self._description.problems(method, path, answer.status, media_type, answer.body)
        assert not problems, (method, path, problems)
        return answer.json()
