"""The work behind FastAPI, as its documentation writes it; `app` is Ray Serve's ingress too."""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from peers import work

app = FastAPI()


class Request(BaseModel):
    prompt: str


@app.post("/echo")
async def echo(request: Request) -> dict[str, str]:
    return {"output": work.echo(request.prompt)}


@app.post("/model")
async def model(request: Request) -> dict[str, str]:
    return {"output": await work.model(request.prompt)}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", loop="uvloop", http="httptools")
