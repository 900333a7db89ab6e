/**
 * Owns whatever can be asked of an agent and happen to its processes, in any order, done to real ones, and what is known of the
 * agent by that. The same for fakes, and simulated time, is test/machines/pool-commands.ts.
 */
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { isAxonError } from '../../src/index.ts'
import { replicaOf } from '../../src/machines/agent-context.ts'
import { type Pool, startPool, type Told, told } from './pool.ts'
import { killed } from './proxy.ts'

type Happening =
  | { type: 'start' | 'stop' | 'resume' }
  /** `at` chooses among what there is. */
  | { type: 'kill' | 'pause' | 'cancel'; at: number }
  | { type: 'reload' | 'scale'; replicas: number }
  | { type: 'request'; seconds: number }
  | { type: 'bad frame'; says: string }
/** The next one comes so much later, in milliseconds. */
export type Command = Happening & { thenMs: number }

const plain = <T extends Happening['type']>(type: T) => fc.constant({ type } as Happening)
const chosen = <T extends Happening['type']>(type: T) =>
  fc.record({ type: fc.constant(type), at: fc.nat({ max: 7 }) }) as fc.Arbitrary<Happening>
const counted = <T extends Happening['type']>(type: T) =>
  fc.record({ type: fc.constant(type), replicas: fc.integer({ min: 1, max: 3 }) }) as fc.Arbitrary<Happening>
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('request' as const),
      seconds: fc.constantFrom(0, 0, 0.01, 0.1),
    }),
  },
  { weight: 2, arbitrary: chosen('cancel') },
  { weight: 3, arbitrary: chosen('kill') },
  { weight: 2, arbitrary: chosen('pause') },
  { weight: 2, arbitrary: plain('resume') },
  {
    weight: 2,
    // What has no end spoils the frame that comes next: a receipt, or the heartbeat of the next two seconds.
    arbitrary: fc.record({ type: fc.constant('bad frame' as const), says: fc.constantFrom('no frame\n', 'no frame') }),
  },
  { weight: 2, arbitrary: plain('start') },
  { weight: 1, arbitrary: plain('stop') },
  { weight: 2, arbitrary: counted('reload') },
  { weight: 2, arbitrary: counted('scale') },
)
export const sequence: fc.Arbitrary<Command[]> = fc.array(
  fc
    .tuple(happening, fc.constantFrom(0, 0, 1, 5, 20, 60))
    .map(([happens, thenMs]): Command => ({ ...happens, thenMs })),
  { minLength: 5, maxLength: 25, size: 'max' },
)

/** One agent in one system, for as many sequences as are played to it. */
export class RealAgent {
  readonly pool: Pool
  /** Processes that were started and have not exited, by generation. */
  readonly alive = new Map<string, number>()
  /** Two processes of one replica at once. */
  readonly doubled: string[] = []
  readonly outcomes = new Map<string, Told>()
  /** As it was last asked. */
  replicas: number
  isWanted = true
  #asked = 0
  #open = new Map<string, Promise<unknown>>()
  /** Runs that end with their process only. */
  #spoiling = new Set<string>()
  #paused = new Set<number>()
  /** Generations that were killed, of which the system may not know yet. */
  #killed = new Set<string>()
  #reloads: Promise<unknown>[] = []

  private constructor(pool: Pool, replicas: number) {
    this.pool = pool
    this.replicas = replicas
    for (const { generation, pid } of pool.axon.agent('one').snapshot()?.replicas ?? [])
      if (pid !== undefined) this.alive.set(generation, pid)
    pool.axon.on('process.spawned', ({ generation, pid }) => {
      const replica = replicaOf(generation)
      for (const other of this.alive.keys())
        if (replicaOf(other) === replica) this.doubled.push(`${other}, ${generation}`)
      this.alive.set(generation, pid as number)
    })
    pool.axon.on('process.exited', ({ generation }) => this.alive.delete(generation))
  }

  static async start(): Promise<RealAgent> {
    const restart = { stableMs: 0, baseMs: 1, maxMs: 1, maxRestarts: 10_000 }
    return new RealAgent(await startPool({ replicas: 2, concurrency: 4, shutdownMs: 1_000, restart }), 2)
  }

  async play(command: Command): Promise<void> {
    const { axon, definition } = this.pool
    const one = axon.agent('one')
    switch (command.type) {
      case 'start':
      case 'stop':
        this.isWanted = command.type === 'start'
        one.send({ type: `agent.${command.type}` })
        break
      case 'scale':
        this.isWanted = true
        this.replicas = command.replicas
        one.send({ type: 'agent.scale', replicas: command.replicas })
        break
      case 'reload': {
        const { replicas } = command
        this.replicas = replicas
        const env = { ...definition.env, RELOADED: String(this.#reloads.length) }
        this.#reloads.push(axon.apply({ agents: { one: { ...definition, replicas, env } } }).catch(demandTyped))
        break
      }
      case 'request':
        this.#request({ seconds: command.seconds })
        break
      case 'bad frame':
        this.#spoiling.add(
          this.#request({
            tells: Buffer.from(command.says).toString('base64'),
            gate: join(this.pool.directory, 'never'),
          }),
        )
        break
      case 'cancel': {
        const run = pick(
          [...this.#open.keys()].filter((id) => !this.#spoiling.has(id)),
          command.at,
        )
        if (run !== undefined) axon.actor.send({ type: 'run.cancel', run })
        break
      }
      case 'kill':
      case 'pause': {
        const [generation, pid] = pick([...this.alive], command.at) ?? []
        if (generation === undefined || pid === undefined) break
        if (command.type === 'kill') {
          this.#killed.add(generation)
          killed(pid)
        } else if (signal(pid, 'SIGSTOP')) this.#paused.add(pid)
        break
      }
      case 'resume':
        this.#resume()
    }
    // Not a wait for anything: by chance the next thing happens at once or in the middle of what follows from this one.
    await setTimeout(command.thenMs)
  }

  /** What is under way comes to its end. */
  async settle(): Promise<void> {
    this.#resume()
    const one = this.pool.axon.agent('one')
    if (!this.isWanted) {
      await this.#until(() => one.snapshot()?.state === 'stopped' && this.alive.size === 0)
      await this.run()
    }
    one.send({ type: 'agent.start' })
    this.isWanted = true
    await Promise.all(this.#open.values())
    await Promise.all(this.#reloads)
    await this.#until(() => {
      if ([...this.#killed].some((generation) => this.alive.has(generation))) return false
      const { isRolling, replicas = [] } = one.snapshot() ?? {}
      return (
        isRolling === false && replicas.length === this.replicas && replicas.every(({ state }) => state === 'ready')
      )
    })
  }

  /** One more run, and what its caller was told. */
  async run(): Promise<Told> {
    const id = this.#request({})
    await this.#open.get(id)
    return this.outcomes.get(id)
  }

  #request(metadata: object): string {
    this.#asked += 1
    const id = `r-${this.#asked}`
    const answered = told(this.pool.run(id, metadata, { affinity: id })).then((outcome) => {
      this.outcomes.set(id, outcome)
      this.#open.delete(id)
    })
    this.#open.set(id, answered)
    return id
  }

  #resume(): void {
    for (const pid of this.#paused) signal(pid, 'SIGCONT')
    this.#paused.clear()
  }

  /** Resolves when it is so, which is looked at after everything that is told. */
  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isSo()) return
        off()
        resolve()
      }
      const off = this.pool.axon.on('*', () => setImmediate(look))
      setImmediate(look)
    })
  }
}

function pick<T>(list: readonly T[], at: number): T | undefined {
  return list[at % list.length]
}

/** False where it has gone. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** What is stopped or changed again before it is ready is told so. */
function demandTyped(error: unknown): void {
  if (!isAxonError(error)) throw error
}
