"""The work as a loop over lines of JSON, as python-shell talks to it: one after the other."""

import json
import sys

from peers import work

for line in sys.stdin:
    call = json.loads(line)
    answer = work.echo(call["prompt"]) if call["work"] == "echo" else work.model_sync(call["prompt"])
    print(json.dumps({"id": call["id"], "output": answer}), flush=True)
