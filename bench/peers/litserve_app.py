"""The work as two APIs of LitServe, one worker each."""

import sys

import litserve

from peers import work


class Echo(litserve.LitAPI):
    def setup(self, device):
        pass

    async def decode_request(self, request):
        return request["prompt"]

    async def predict(self, prompt):
        return work.echo(prompt)

    async def encode_response(self, output):
        return {"output": output}


class Model(Echo):
    async def predict(self, prompt):
        return await work.model(prompt)


if __name__ == "__main__":
    apis = [Echo(api_path="/echo", enable_async=True), Model(api_path="/model", enable_async=True)]
    server = litserve.LitServer(apis, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="error", generate_client_file=False)
