"""The client against real sockets: tokens, pages, errors, streams, silence."""

import socket
from collections.abc import Iterator

import pytest

from tests.unit.client.scripted_platform import Answer, Request, ScriptedPlatform
from windlass.client import (
    ApiError,
    BadAnswer,
    Client,
    Conflict,
    Credentials,
    NotFound,
    Unreachable,
)
from windlass.kit.clock import ManualClock

WORKLOAD_ID = "8a1b7c3e-0000-4000-8000-000000000001"


def answer_clusters(_request: Request) -> Answer:
    return Answer(body=[{"uuid": "c", "name": "default"}])


class TestTokens:
    def test_one_token_serves_many_requests(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.handler = answer_clusters
        client.clusters()
        client.clusters()
        assert platform.tokens_granted == 1
        assert platform.requests[0].body == {
            "grantType": "client_credentials",
            "clientID": "id",
            "clientSecret": "secret",
        }

    def test_a_token_is_renewed_a_minute_before_it_expires(
        self, platform: ScriptedPlatform, client: Client, clock: ManualClock
    ) -> None:
        platform.handler = answer_clusters
        client.clusters()
        clock.advance(3539)
        client.clusters()
        assert platform.tokens_granted == 1
        clock.advance(1)
        client.clusters()
        assert platform.tokens_granted == 2

    def test_a_wall_clock_that_jumps_does_not_matter(
        self, platform: ScriptedPlatform, client: Client, clock: ManualClock
    ) -> None:
        platform.handler = answer_clusters
        client.clusters()
        clock.jump(-1_000_000)
        clock.jump(5_000_000)
        client.clusters()
        assert platform.tokens_granted == 1

    def test_a_token_that_is_refused_early_is_renewed_once(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.handler = answer_clusters
        client.clusters()
        platform.revoke_tokens()
        assert client.clusters()[0]["name"] == "default"
        assert platform.tokens_granted == 2

    def test_a_request_that_is_refused_with_a_fresh_token_is_not_repeated_for_ever(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.handler = lambda _request: Answer(401, {"code": 401, "message": "Not you."})
        with pytest.raises(ApiError, match="Not you") as caught:
            client.clusters()
        assert caught.value.code == 401
        assert platform.tokens_granted == 2

    def test_wrong_credentials_are_an_api_error(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.token_answers.append(Answer(401, {"code": 401, "message": "Wrong secret."}))
        with pytest.raises(ApiError, match="Wrong secret"):
            client.clusters()

    def test_an_answer_without_a_token_is_not_taken_for_one(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.token_answers.append(Answer(200, {"hello": "world"}))
        with pytest.raises(BadAnswer, match="accessToken"):
            client.clusters()

    def test_the_secret_is_not_in_the_text_of_credentials(self) -> None:
        assert "secret-of-mine" not in repr(Credentials("id", "secret-of-mine"))


class TestErrors:
    def test_an_error_carries_code_message_details_and_request(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.handler = lambda _request: Answer(
            400,
            {"code": 400, "message": "spec.image: is missing", "details": "name: is too long"},
            headers={"X-Request-Id": "r-1"},
        )
        with pytest.raises(ApiError) as caught:
            client.create_inference({"name": "a", "projectId": "1", "clusterId": "c", "spec": {}})
        error = caught.value
        assert (error.code, error.message) == (400, "spec.image: is missing")
        assert (error.details, error.request_id) == ("name: is too long", "r-1")
        assert str(error) == "spec.image: is missing\nname: is too long"

    @pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (409, Conflict)])
    def test_common_errors_have_kinds_of_their_own(
        self, platform: ScriptedPlatform, client: Client, status: int, kind: type[ApiError]
    ) -> None:
        platform.handler = lambda _request: Answer(status, {"code": status, "message": "No."})
        with pytest.raises(kind):
            client.workload(WORKLOAD_ID)

    def test_an_error_page_of_something_else_is_said_to_be_one(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.handler = lambda _request: Answer(502, text=("<html>Bad gateway</html>",))
        with pytest.raises(BadAnswer, match="502"):
            client.clusters()

    def test_a_page_that_is_not_json_is_said_not_to_be(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.handler = lambda _request: Answer(200, text=("<html>",))
        with pytest.raises(BadAnswer, match="JSON"):
            client.clusters()

    def test_where_nothing_listens_the_address_and_the_advice_are_told(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            client = Client(
                f"http://127.0.0.1:{port}",
                Credentials("id", "secret"),
                why_silent=lambda: "Start it.",
            )
            with client, pytest.raises(Unreachable, match=rf"127\.0\.0\.1:{port}.*Start it\."):
                client.clusters()

    def test_a_server_that_takes_the_request_and_says_nothing_times_out(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            client = Client(url, Credentials("id", "secret"), timeout_seconds=0.05)
            with client, pytest.raises(Unreachable, match=r"within 0\.05 s"):
                client.clusters()

    def test_a_proxy_of_the_environment_is_not_used(
        self, platform: ScriptedPlatform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        platform.handler = answer_clusters
        with Client(platform.url, Credentials("id", "secret")) as other:
            assert other.clusters()


class TestRequests:
    def test_a_body_arrives_as_it_was_given(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.handler = lambda request: Answer(202, {**request.body, "workloadId": WORKLOAD_ID})
        inference = client.create_inference(
            {"name": "ä", "projectId": "1", "clusterId": "c", "spec": {"image": "host/a"}}
        )
        assert inference["workloadId"] == WORKLOAD_ID
        assert platform.requests[-1].body["spec"] == {"image": "host/a"}
        assert platform.requests[-1].body["name"] == "ä"

    def test_an_id_never_reaches_another_path(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        with pytest.raises(NotFound):
            client.delete_inference("../token?x=")
        assert platform.requests[-1].path == "/api/v1/workloads/inferences/..%2Ftoken%3Fx%3D"

    def test_filters_are_joined_by_commas_and_absent_parameters_left_out(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.handler = lambda _request: Answer(body={"workloads": []})
        client.workload_page(filter_by=["name==a", "phase!=Failed"], deleted=True, limit=7)
        assert platform.requests[-1].query == {
            "filterBy": ["name==a,phase!=Failed"],
            "deleted": ["true"],
            "offset": ["0"],
            "limit": ["7"],
        }

    def test_pages_are_asked_for_as_they_are_taken(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        names = [f"w{number}" for number in range(1200)]

        def answer(request: Request) -> Answer:
            offset, limit = int(request.query["offset"][0]), int(request.query["limit"][0])
            page = {"workloads": [{"name": name} for name in names[offset : offset + limit]]}
            more = offset + limit < len(names)
            return Answer(body={**page, "next": offset + limit} if more else page)

        platform.handler = answer
        workloads = client.workloads()
        assert next(workloads)["name"] == "w0"
        assert len(platform.requests) == 2  # A token and one page.
        assert [workload["name"] for workload in workloads] == names[1:]

    def test_a_next_page_that_goes_back_ends_the_list(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.handler = lambda _request: Answer(body={"workloads": [{"name": "a"}], "next": 0})
        assert len(list(client.workloads())) == 1


class TestLogs:
    def lines(self, client: Client) -> Iterator[str]:
        with client.logs(WORKLOAD_ID, "pod", follow=True, tail=3) as lines:
            yield from lines

    def test_lines_are_put_together_from_pieces(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.handler = lambda _request: Answer(text=("one\ntw", "o\nthree"))
        assert list(self.lines(client)) == ["one", "two", "three"]
        assert platform.requests[-1].query == {"follow": ["true"], "tail": ["3"]}

    def test_an_unknown_pod_is_not_found(self, client: Client) -> None:
        with pytest.raises(NotFound):
            list(self.lines(client))

    def test_a_stream_that_breaks_off_is_told_after_its_lines(
        self, platform: ScriptedPlatform, client: Client
    ) -> None:
        platform.handler = lambda _request: Answer(text=("one\n",), breaks_off=True)
        lines = self.lines(client)
        assert next(lines) == "one"
        with pytest.raises(Unreachable, match="broke off"):
            list(lines)
