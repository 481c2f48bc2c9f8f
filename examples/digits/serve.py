"""A model server as a user would write one: trains at start, then answers on PORT.

`GET /healthz` says that the model is there. `POST /predict` takes `{"images": [[64 numbers], …]}`,
each pixel from 0 (blank) to 16, and answers `{"predictions": [digit, …]}`; 400 says what is wrong.
"""

import os
from collections.abc import Callable

import numpy as np
import uvicorn
from numpy.typing import NDArray
from sklearn.svm import SVC
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.digits.data import PIXELS, training_digits

LARGEST_BATCH = 2000
NOT_IMAGES = f"every image is a list of {PIXELS} numbers"

Images = NDArray[np.float64]
Predict = Callable[[Images], NDArray[np.int64]]


class BadImages(Exception):
    """The body does not hold images; the message says why."""


def main() -> None:
    """Train, then serve until SIGTERM."""
    port = int(os.environ["PORT"])
    uvicorn.run(application(train()), host="127.0.0.1", port=port, access_log=False)


def train() -> Predict:
    """A support vector machine; it learns the training images in well under a second."""
    digits = training_digits()
    model = SVC(gamma=0.001).fit(digits.images, digits.labels)
    print(f"trained on {len(digits.labels)} images", flush=True)
    predict: Predict = model.predict
    return predict


def application(predict: Predict) -> Starlette:
    """The HTTP side of a model."""

    async def answer_health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def answer_prediction(request: Request) -> Response:
        try:
            images = parse_images(await read_json(request))
        except BadImages as problem:
            return JSONResponse({"error": str(problem)}, status_code=400)
        return JSONResponse({"predictions": predict(images).tolist()})

    return Starlette(
        routes=[
            Route("/healthz", answer_health),
            Route("/predict", answer_prediction, methods=["POST"]),
        ]
    )


async def read_json(request: Request) -> object:
    """The body. Raises BadImages when it is not JSON."""
    try:
        return await request.json()
    except (ValueError, RecursionError):
        raise BadImages("the body is not JSON") from None


def parse_images(body: object) -> Images:
    """The images of a request body, shape (n, 64). Raises BadImages."""
    images = body.get("images") if isinstance(body, dict) else None
    if not isinstance(images, list) or not images:
        raise BadImages('expected {"images": [[64 numbers], …]} with at least one image')
    if len(images) > LARGEST_BATCH:
        raise BadImages(f"{len(images)} images in one request; at most {LARGEST_BATCH}")
    try:
        array = np.array(images)
    except ValueError:  # Images of different lengths.
        raise BadImages(NOT_IMAGES) from None
    if array.shape[1:] != (PIXELS,) or array.dtype.kind not in "iuf":
        raise BadImages(NOT_IMAGES)
    if not np.isfinite(array).all():
        raise BadImages("every pixel is a finite number")
    return array.astype(np.float64)


if __name__ == "__main__":
    main()
