/**
 * Owns the runs of pages: they are started so that they go on when the page has left. Who watches
 * them is told by the recorder.
 */
import type { RunRequest } from '../protocol/run.ts'
import type { Axon } from '../runtime/axon.ts'
import { orderedId } from '../runtime/runs/run-id.ts'
import type { PageCaller, PageDoor } from '../runtime/serving/page.ts'
import { demandOwnRun } from './page-caller.ts'

type StartRun = NonNullable<PageDoor['startRun']>

/** How long its events can be read again after its end, in milliseconds. */
const keepMs = 300_000

export class PageRuns {
  readonly #axon: Axon
  readonly #want: (run: string) => void
  readonly #start: StartRun

  /**
   * @param want called with the id of a run before it is started
   * @param start Default: a run of the system's own that can be read again for five minutes.
   */
  constructor(axon: Axon, want: (run: string) => void, start?: StartRun) {
    this.#axon = axon
    this.#want = want
    this.#start = start ?? startWith(axon)
  }

  /** @throws AxonError AGENT_UNKNOWN, RUN_REQUEST_INVALID, RUN_REJECTED */
  start(
    caller: PageCaller,
    { agent, prompt, message_history }: { agent: string; prompt: string; message_history?: unknown[] | undefined },
  ): string {
    const request = { prompt, ...(message_history && { message_history }) } as RunRequest
    const run = `${caller.tag}-${orderedId()}`
    this.#want(run)
    this.#start(caller, agent, request, run)
    return run
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
  return (_, agent, request, run) => {
    // Its end is told by its events.
    void axon.agent(agent).stream(request, { run, resumable: { resumeMs: keepMs } }).settled
  }
}
