/**
 * Owns what a user may say of agents: options, units, defaults, and the one function that reads them.
 */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import * as z from 'zod'
import type { AgentDefinition } from '../../machines/definition.ts'
import { outputOf } from '../runs/output.ts'
import { isTool, type Tool } from '../tools/tool.ts'
import { idempotency, maxAttempts, rate, usage } from './delivery.ts'
import { agentName, describe, invalid, ms, options, positiveMs } from './fields.ts'
import { permissions, readPermissions, sandbox } from './permissions.ts'
import { type PlacementOptions, placement, rayStartMs, readPlacement } from './placement.ts'

const restart = options({
  /** Restarts that are permitted within `withinMs`; one more fails the agent. Default 10. */
  maxRestarts: z.int().nonnegative().default(10),
  /** The window, in milliseconds. Default 600 000. */
  withinMs: positiveMs.default(600_000),
  /** Delay before the first restart, in milliseconds. Default 0. */
  firstMs: ms.default(0),
  /** Delay before the second, in milliseconds; doubles from there, with equal jitter. Default 500. */
  baseMs: positiveMs.default(500),
  /** The longest delay, in milliseconds. Default 60 000. */
  maxMs: positiveMs.default(60_000),
  /** Ready for this long, the next crash counts as a first one, in milliseconds. Default 60 000. */
  stableMs: ms.default(60_000),
  /** After so long in `failed`, in milliseconds, one start is tried. Default: never, it stays failed until `agent.start`. */
  coolDownMs: positiveMs.optional(),
})

const limits = options({
  /** Memory of the agent and all that it starts, in MiB; beyond it the agent is ended, as class `oom`. Default: no limit. */
  memoryMb: z
    .int()
    .positive()
    .max(2 ** 32)
    .optional(),
  /** Open files, for each process. Default: what Node's own are. */
  openFiles: z
    .int()
    .min(32)
    .max(2 ** 31 - 1)
    .optional(),
  /** Processes and threads at once, of the agent and all that it starts; an agent itself has a few. Default: no limit. */
  processes: z
    .int()
    .min(8)
    .max(2 ** 31 - 1)
    .optional(),
  /** Processor time, in seconds, for each process, over its whole life; then it is ended. Default: no limit. */
  cpuSeconds: z
    .int()
    .positive()
    .max(2 ** 31 - 1)
    .optional(),
  /** Niceness, from -20 (most processor time) to 19. Default: Node's own. */
  nice: z.int().min(-20).max(19).optional(),
  /** What happens where the kernel cannot hold one: `best-effort` does what can be done, `required` does not run the agent. Default `best-effort`. */
  enforcement: z.enum(['best-effort', 'required']).default('best-effort'),
})

const timeouts = options({
  /** Until the connection to the process stands, in milliseconds. Default 5 000. */
  connectMs: positiveMs.default(5_000),
  /** From the request to the first byte of the answer, in milliseconds. Default 600 000: a run that is not streamed answers as a whole. */
  firstByteMs: positiveMs.default(600_000),
  /** Between two bytes of an answer, in milliseconds; a stream sends a comment every 15 s while it is quiet. Default 60 000. */
  idleMs: positiveMs.default(60_000),
  /** The whole run, queue included, in milliseconds. Default 600 000. */
  runMs: positiveMs.default(600_000),
})

const count = z.int().max(10_000)

const replicas = z
  .union([count.min(1), options({ min: count.min(0).default(1), max: count.min(1).default(1) })])
  .transform((given) => (typeof given === 'number' ? { min: given, max: given } : given))
  .refine(({ min, max }) => min <= max, 'has a min above its max')

const scaling = options({
  /** Runs in flight and waiting that one replica is to have; more call for another. Default: half of `concurrency`, at least 1. */
  target: z.int().positive().optional(),
  /** How long there must have been more before a replica is added, in milliseconds. Default 500. */
  upDelayMs: ms.default(500),
  /** How long there must have been fewer before one is let go, in milliseconds. Default 30 000. */
  downDelayMs: ms.default(30_000),
})

const recycle = options({
  /** Age of a process, from when it was ready, in milliseconds. Default: any. */
  afterMs: positiveMs.optional(),
  /** Runs that were sent to a process. Default: any number. */
  afterRuns: z.int().positive().optional(),
  /** Memory of a process, in MiB: its PSS where it can be told, else its RSS. Default: any. */
  aboveMb: z.number().positive().optional(),
})

/** All tools of an agent, as its process is told of them: a frame with room for the rest. */
const maxToolsBytes = 512 * 1024

const tools = z
  .record(
    z
      .string()
      .regex(
        /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/,
        'is no name of a tool: use 1 to 64 of A-Z, a-z, 0-9, _ and -, beginning with a letter or _',
      ),
    z.custom<Tool>(isTool, 'is no tool: make it with tool() or agentTool()'),
  )
  .refine(
    (given) => Buffer.byteLength(JSON.stringify(given)) <= maxToolsBytes,
    `is more than ${maxToolsBytes} bytes as JSON: give fewer tools, or shorter descriptions`,
  )

const localStartMs = 30_000

const agentOptions = options({
  /** `package.module`, `package.module:name`, a file such as `agents/support.py`, or a pydantic-ai spec (`.yaml`, `.json`), from `cwd`. */
  module: z
    .string()
    .regex(
      /^([A-Za-z_]\w*(\.[A-Za-z_]\w*)*|[^\0:]+\.py)(:[A-Za-z_]\w*)?$|^[^\0:]+\.(yaml|yml|json)$/,
      'is no module: write package.module, package.module:name, path/to/file.py or path/to/spec.yaml',
    ),
  /** The model: `test`, `test:anything`, or `provider:name`. Default: the agent's own. */
  model: z.string().min(1).optional(),
  /** The directory that is first on `sys.path`, and in which project files are looked for. Default: the process's working directory. */
  cwd: z.string().min(1).optional(),
  /** Environment variables of the process, beside an allow-list (PATH, HOME, locale, certificates, proxies). Default {}. */
  env: z
    .record(
      z.string().regex(/^[^=\0]+$/, 'is no name of a variable: it is empty, or holds = or NUL'),
      z.string().regex(/^[^\0]*$/, 'holds a NUL character'),
    )
    .default({}),
  /** An interpreter (`python3.12`, a path), or an existing environment such as `.venv`, used as it is. Default: the newest that fits. */
  python: z.string().min(1).optional(),
  /** Requirements, for example `['pydantic-ai-slim']`; they take the place of project files. */
  dependencies: z.array(z.string().min(1)).optional(),
  /** A requirements file, from `cwd`; takes the place of project files. */
  requirements: z.string().min(1).optional(),
  /** No package's own code is run to build it at install: what has no wheel is refused. Default false. */
  noBuild: z.boolean().default(false),
  /** TCP port on 127.0.0.1; 0 = the kernel chooses. Default: a Unix socket. */
  port: z.int().min(0).max(65535).optional(),
  /** Where it lives: `local`, or `{ ray }` as an application of Ray Serve: docs/ray.md. Default: the system's `placement`, else `local`. */
  placement: placement.optional(),
  /** `warm` forks a prepared host and takes milliseconds; `cold` starts a new interpreter. Default: `warm` on Linux, else `cold`. */
  start: z.enum(['warm', 'cold']).default(process.platform === 'linux' ? 'warm' : 'cold'),
  /** Modules that the host imports once for all its agents, beside the framework; never the agent's own. Default []. */
  preload: z.array(z.string().regex(/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/, 'is no module name')).default([]),
  /** Processes of this agent: a number, or `{ min, max }`, between which it is scaled by its load. `min: 0`: none at boot, the first run starts one. Default 1. */
  replicas: replicas.default({ min: 1, max: 1 }),
  /** When a range of replicas is scaled. */
  scaling: scaling.prefault({}),
  /** A process beyond one of these is replaced, without a gap where `replace` is `rolling`. Default: none. */
  recycle: recycle.default({}),
  /** At a restart, a change or a recycling: `rolling` proves the next process ready before the old one drains, `recreate` ends the old one first. Default `rolling`, with a `port` of its own `recreate`. */
  replace: z.enum(['rolling', 'recreate']).optional(),
  /** Without a run for so long, in milliseconds, its process is let go; the next run starts another. Default: never. */
  idleAfterMs: positiveMs.optional(),
  /** Runs at once in a process. Default 16. */
  concurrency: z.int().positive().max(10_000).default(16),
  /** Runs that may wait; more are rejected at once. Default 100. */
  queue: z.int().nonnegative().default(100),
  /** Its runs may be run more than once: what started and was interrupted is run again, elsewhere where there is another replica. Default false. */
  idempotent: z.boolean().default(false),
  /** How often a run is sent at most, where it came to nothing after it had been written. Default 2, of idempotent agents 3. */
  maxAttempts: maxAttempts.optional(),
  /** What is kept for `run(request, { idempotencyKey })`. */
  idempotency: idempotency.prefault({}),
  /** More runs than this are rejected at once. Default: any number are taken. */
  rate: rate.optional(),
  /** Runs are rejected while its runs have used this much. Default: any number of tokens. */
  usage: usage.optional(),
  restart: restart.prefault({}),
  /** From the start of a process until it must be ready, in milliseconds. Default 30 000, on Ray 300 000. */
  startMs: positiveMs.optional(),
  /** How long runs may go on after a stop, in milliseconds. Default 5 000. */
  shutdownMs: ms.default(5_000),
  /** How long a run's code may go on after it was cancelled, in milliseconds; then its process is replaced. Default 5 000. */
  cancelGraceMs: positiveMs.default(5_000),
  timeouts: timeouts.prefault({}),
  /** What the agent may use. Default: no limits. `limits.achieved` in its snapshot says how each is held. */
  limits: limits.optional(),
  /** Whether the kernel keeps it to its `permissions`: `best-effort` as far as it can, `required` or it does not run. Default `off`. */
  sandbox: sandbox.optional(),
  /** What it may do in its sandbox, beyond what each agent needs to run. Default: nothing. */
  permissions: permissions.optional(),
  /** Functions of yours that the agent may call, by name: `{ lookup: tool({ description, input, execute }) }`. Default: none. */
  tools: tools.optional(),
  /** What the result of a run must be, as a schema of zod 4: it is parsed by it, and what does not fit is `RUN_OUTPUT_INVALID`. Default: any JSON. */
  output: z
    .custom<z.ZodType>((value) => value instanceof z.core.$ZodType, 'is no schema of zod 4')
    .transform(outputOf)
    .optional(),
  /** How long a person has to approve a tool call, in milliseconds; then it is denied. At most the run's own time. Default 600 000. */
  approvalMs: positiveMs.default(600_000),
  /** Groups of `axon.groups` that it is in while it is in the system. Default []. */
  groups: z.array(z.string().min(1)).default([]),
  /** Agents that must be ready before this one is started, and that are stopped after it. Default []. */
  after: z.array(agentName).default([]),
  /** When the restart policy gives up: `stay` in `failed` until somebody starts it, or `escalate` to the supervisor above. Default `stay`. */
  onFailed: z.enum(['stay', 'escalate']).default('stay'),
  /** Yours: shown in snapshots. Default {}. */
  metadata: z.record(z.string(), z.unknown()).default({}),
})
/** One agent, as a user writes it; `Output` is what its `output` makes of its results. */
export type AgentOptions<Output = unknown> = z.input<typeof agentOptions> & { output?: z.ZodType<Output> | undefined }

/** Agents by name, as a user writes them. */
export const agents = z.record(agentName, agentOptions)
/** Agents by name. */
export type AgentsOptions = Record<string, AgentOptions>

/** Agents by name, each with what its `output` makes of its results. */
export type AgentsWith<Outputs> = { [Name in keyof Outputs]: AgentOptions<Outputs[Name]> }

/**
 * Reads the agents of a configuration, fills in every default, and looks whether each `cwd` is there.
 * @param placed where those live that do not say it. Default: `local`
 * @throws AxonError CONFIG_INVALID naming each field that is wrong
 */
export function parseAgents(options: AgentsOptions, placed: PlacementOptions = 'local'): AgentDefinition[] {
  const parsed = agents.safeParse(options)
  if (!parsed.success) throw invalid(describe(parsed.error), parsed.error)
  const known = new Set<string>()
  const elsewhere = placement.parse(placed)
  return Object.entries(parsed.data).map(([name, agent]) => {
    const cwd = resolve(agent.cwd ?? '.')
    if (!known.has(cwd) && !isDirectory(cwd)) throw invalid(`the cwd of agent ${name} is no directory: ${cwd}`)
    known.add(cwd)
    const where = agent.placement ?? elsewhere
    const { replicas, port, concurrency, scaling } = agent
    if (port && replicas.max > 1)
      throw invalid(
        `agent ${name} has the port ${port} and up to ${replicas.max} replicas: one port is one replica's. Write port: 0 or none`,
      )
    return {
      ...agent,
      name,
      cwd,
      env: concealed(agent.env),
      sandbox: agent.sandbox ?? 'off',
      permissions: readPermissions(name, { ...agent, cwd }),
      placement: readPlacement(name, where, agent),
      startMs: agent.startMs ?? (where === 'local' ? localStartMs : rayStartMs),
      scaling: { ...scaling, target: scaling.target ?? Math.max(1, Math.floor(concurrency / 2)) },
      replace: agent.replace ?? (port ? 'recreate' : 'rolling'),
      maxAttempts: agent.maxAttempts ?? (agent.idempotent ? 3 : 2),
    }
  })
}

/** `parseAgents` for one agent. */
export function parseAgent(
  { name, ...options }: AgentOptions & { name: string },
  placed?: PlacementOptions,
): AgentDefinition {
  return parseAgents({ [name]: options }, placed)[0] as AgentDefinition
}

/** The values of variables are often secrets: whatever writes the definition as JSON, a log or an inspector, gets the names. */
function concealed(env: Record<string, string>): Record<string, string> {
  const toJSON = () => Object.fromEntries(Object.keys(env).map((name) => [name, '[hidden]']))
  return Object.defineProperty({ ...env }, 'toJSON', { value: toJSON, enumerable: false })
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
