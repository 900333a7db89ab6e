"""The baseline of the throughput benchmark: the same agent, without Axon, in one Python program. 16 tasks, each of which makes a task
for every run and encodes the bytes that Axon answers with. Prints its runs a second for each line on standard input: the seconds."""

import asyncio
import gc
import sys
import time

from pydantic_ai.messages import ModelMessagesTypeAdapter
from pydantic_core import to_json
from support import agent

TASKS = 16


async def one() -> bytes:
    run = await agent.run("Hello, agent!")
    usage = run.usage
    tokens = {"total_tokens": usage.total_tokens, "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    messages = ModelMessagesTypeAdapter.dump_python(run.all_messages(), mode="json")
    return to_json({"result": run.output, "messages": messages, "usage": tokens})


async def measure(seconds: float) -> float:
    ends_at = time.perf_counter() + seconds
    begun_at = time.perf_counter()
    runs = 0

    async def worker() -> None:
        nonlocal runs
        while time.perf_counter() < ends_at:
            await asyncio.create_task(one())
            runs += 1

    await asyncio.gather(*(worker() for _ in range(TASKS)))
    return runs / (time.perf_counter() - begun_at)


asyncio.run(measure(0.5))
gc.collect()
gc.freeze()
for line in sys.stdin:
    print(asyncio.run(measure(float(line))), flush=True)
