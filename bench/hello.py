"""The bare FastAPI application that the API is measured against."""

from fastapi import FastAPI

application = FastAPI()


@application.get("/")
async def hello() -> dict[str, str]:
    """Say hello."""
    return {"message": "hello"}
