/**
 * Owns the runs of pages: they are started so that they go on when the page has left. What they tell, the recorder records.
 */
import { AxonError } from '../errors.ts'
import type { RunRequest } from '../protocol/run.ts'
import type { Axon } from '../runtime/axon.ts'
import { orderedId } from '../runtime/runs/run-id.ts'
import type { PageCaller, PageDoor } from '../runtime/serving/page.ts'
import { demandOwnRun } from './page-caller.ts'

type StartRun = NonNullable<PageDoor['startRun']>

const keepMs = 300_000

export class PageRuns {
  readonly #axon: Axon
  readonly #start: StartRun

  /** @param start Default: a run of the system's own that can be read again for five minutes. */
  constructor(axon: Axon, start?: StartRun) {
    this.#axon = axon
    this.#start = start ?? startWith(axon)
  }

  /** @throws AxonError AGENT_UNKNOWN, RUN_REQUEST_INVALID, RUN_REJECTED */
  start(
    caller: PageCaller,
    { agent, prompt, message_history }: { agent: string; prompt: string; message_history?: unknown[] | undefined },
  ): string {
    const request = { prompt, ...(message_history && { message_history }) } as RunRequest
    return this.#start(caller, agent, request)
  }

  /** @throws AxonError GATEWAY_FORBIDDEN */
  cancel(caller: PageCaller, run: string): void {
    demandOwnRun(caller, run)
    this.#axon.actor.send({ type: 'run.cancel', run })
  }

  /** @throws AxonError GATEWAY_FORBIDDEN, TOOL_APPROVAL_UNKNOWN */
  answerTool(caller: PageCaller, run: string, id: string, approved: boolean): void {
    demandOwnRun(caller, run)
    if (approved) this.#axon.runs.approve(run, id)
    else this.#axon.runs.deny(run, id)
  }
}

function startWith(axon: Axon): StartRun {
  return ({ tag }, agent, request) => {
    if (!axon.agents.includes(agent))
      throw new AxonError('AGENT_UNKNOWN', `There is no agent ${JSON.stringify(agent)}.`, { agent })
    const run = `${tag}-${orderedId()}`
    const stream = axon.agent(agent).stream(request, { run, resumable: { resumeMs: keepMs } })
    // Its end is told by the events.
    void stream.settled
    return run
  }
}
