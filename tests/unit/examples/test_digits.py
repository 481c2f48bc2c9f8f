"""The demo's model is a real one, behind a server that survives its clients."""

from collections.abc import Iterator

import numpy as np
import pytest

from examples.digits.data import held_out_digits, training_digits
from tests.unit.examples.conftest import Replica, StartReplica

IMAGE = [0.0] * 64


@pytest.fixture(scope="module")
def model(start_replica: StartReplica) -> Replica:
    return start_replica("-m", "examples.digits.serve")


def test_no_held_out_image_was_trained_on() -> None:
    training = {image.tobytes() for image in training_digits().images}
    held_out = {image.tobytes() for image in held_out_digits().images}
    assert len(training) == 1347
    assert len(held_out) == 450
    assert not training & held_out


def test_it_reads_nine_of_ten_digits_it_never_saw(model: Replica) -> None:
    assert model.client.get("/healthz").status_code == 200
    digits = held_out_digits()
    answer = model.client.post("/predict", json={"images": digits.images.tolist()})
    predictions = np.array(answer.json()["predictions"])
    assert (predictions == digits.labels).mean() > 0.9


def test_it_takes_a_chunked_body(model: Replica) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"images": ['
        yield str(IMAGE).encode() + b"]}"

    answer = model.client.post("/predict", content=chunks())
    assert len(answer.json()["predictions"]) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"\xff{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "at least one image"),
        (b'{"images": []}', "at least one image"),
        (b'{"images": [[1, 2]]}', "64 numbers"),
        (b'{"images": [[1], [1, 2]]}', "64 numbers"),
        (b'{"images": [' + str(["1"] * 64).replace("'", '"').encode() + b"]}", "64 numbers"),
        (b'{"images": [' + str([10**400] * 64).encode() + b"]}", "64 numbers"),
        (b'{"images": [' + str(IMAGE).replace("0.0", "NaN").encode() + b"]}", "finite"),
        (b'{"images": [' + b",".join([str(IMAGE).encode()] * 2001) + b"]}", "at most 2000"),
    ],
)
def test_a_wrong_body_is_told_what_is_wrong(model: Replica, body: bytes, said: str) -> None:
    answer = model.client.post("/predict", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
