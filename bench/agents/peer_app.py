"""The same agent behind FastAPI, as it is served without Axon: for the process managers that Axon is measured against."""

import os
import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from agents.support import agent

app = FastAPI()


class Request(BaseModel):
    prompt: str


@app.post("/run")
async def run(request: Request) -> dict[str, object]:
    result = await agent.run(request.prompt)
    return {"result": result.output, "pid": os.getpid()}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", loop="uvloop", http="httptools")
