/**
 * Owns the runs of pages: they are started so that they go on when the page has left, and read again by whoever watches them.
 */
import { AxonError, toAxonError } from '../errors.ts'
import type { RunRequest } from '../protocol/run.ts'
import type { Axon } from '../runtime/axon.ts'
import { orderedId } from '../runtime/runs/run-id.ts'
import type { PageCaller, PageDoor } from '../runtime/serving/page.ts'
import type { StreamFrame } from './frames.ts'
import { demandOwnRun } from './page-caller.ts'
import { presentable } from './redaction.ts'

type StartRun = NonNullable<PageDoor['startRun']>

/** So many runs are known by their agent, to be read again. */
const maxKnown = 1_000
const keepMs = 300_000
/** Events that come at once are one message. */
const batchMs = 25
const shownBounds = { maxChars: 64 * 1_024 }

export class PageRuns {
  readonly #axon: Axon
  readonly #start: StartRun
  /** By run: its agent. The oldest first. */
  readonly #agents = new Map<string, string>()

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
    const run = this.#start(caller, agent, request)
    this.#agents.set(run, agent)
    const [oldest] = this.#agents.keys()
    if (this.#agents.size > maxKnown && oldest !== undefined) this.#agents.delete(oldest)
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

  /** Tells the events of a run, from its first. The answer ends it; undefined where its events are not kept. */
  read(run: string, tell: (frames: StreamFrame[]) => void): (() => void) | undefined {
    const agent = this.#agents.get(run)
    if (agent === undefined) return undefined
    try {
      const reader = this.#axon.agent(agent).resume(run).toReadableStream().getReader()
      void follow(run, reader, tell)
      return () => void reader.cancel().catch(() => {})
    } catch {
      return undefined
    }
  }
}

interface RunEvent {
  id: number
  event: string
  data: unknown
}

async function follow(
  run: string,
  reader: ReadableStreamDefaultReader<RunEvent>,
  tell: (frames: StreamFrame[]) => void,
): Promise<void> {
  let waiting: StreamFrame[] = []
  let timer: NodeJS.Timeout | undefined
  let lastId = 0
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    if (waiting.length > 0) tell(waiting)
    waiting = []
  }
  const add = (id: number, event: string, data: unknown) => {
    lastId = id
    waiting.push({ type: 'stream', at: Date.now(), run, id, event, data: presentable(data, shownBounds) })
    timer ??= setTimeout(flush, batchMs)
  }
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      add(value.id, value.event, value.data)
    }
  } catch (given) {
    const { code, message, retryable } = toAxonError(given)
    add(lastId + 1, 'run.error', { error: { code, message, retryable } })
  } finally {
    flush()
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
