/**
 * Owns what a user may say of a gateway, and what holds where nothing is said.
 */
import * as z from 'zod'
import { AxonError } from '../errors.ts'
import { agentName, describe, options, positiveMs } from '../runtime/config/fields.ts'
import type { ConversationStore } from '../runtime/conversations/store.ts'
import { isLoopback } from '../runtime/serving/hosts.ts'
import type { Enterable } from '../runtime/serving/page.ts'
import type { Metrics } from '../runtime/telemetry/prometheus.ts'

export const roles = ['run', 'operate', 'read'] as const
/** `run`: starts runs and sees its own; `operate`: sends events to agents, and sees every run; `read`: figures. */
export type Role = (typeof roles)[number]

const token = options({
  /** At least 16 characters, those of a header: letters, digits and punctuation, no spaces. */
  token: z
    .string()
    .regex(/^[\x21-\x7e]{16,1024}$/, 'is no token: 16 to 1024 letters, digits and punctuation, no spaces'),
  /** Whose it is: tokens of one name see the same runs. Default: made from the token, of which it tells nothing. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'is no name: 1 to 64 of A-Z, a-z, 0-9, dot, _ and -')
    .optional(),
  /** Default: all of them. */
  roles: z
    .array(z.enum(roles))
    .min(1)
    .default([...roles]),
  /** The agents that it may use and see. Default: all. */
  agents: z.array(agentName).optional(),
})
/** A token and what it is good for. */
export type TokenOptions = z.input<typeof token>
export type TokenDefinition = z.output<typeof token>

export const tokens = z.array(token).min(1)

const origin = z.string().regex(/^https?:\/\/[^/\s]+$/, 'is no origin: write https://name, with the port if it has one')

const gatewayOptions = options({
  /** Where it listens. Default `127.0.0.1`. */
  host: z.string().min(1).default('127.0.0.1'),
  /** Default 0: the kernel chooses. */
  port: z.int().nonnegative().max(65_535).default(0),
  /** Who may call. Default: `AXON_GATEWAY_TOKENS`, else one that is made, `gateway.token`. */
  tokens: z.array(token).min(1).optional(),
  /** `false`: anybody who reaches it may do anything; only on a loopback address. Default true. */
  auth: z.boolean().default(true),
  /** Names that the `Host` header may say, beside those of loopback and of `host`; without a port, any that it listens on. */
  hosts: z.array(z.string().min(1)).default([]),
  /** Origins whose pages may call (CORS). Default: none. */
  origins: z.array(origin).default([]),
  /** The longest body, in bytes. Default 1 MiB. */
  maxBodyBytes: z
    .int()
    .positive()
    .default(2 ** 20),
  /** How deep JSON may be nested. Default 64. */
  maxDepth: z.int().positive().max(512).default(64),
  /** Connections at once; one more is closed. Default 16 384. */
  maxConnections: z.int().positive().default(16_384),
  /** Connections of one address at once. Default: as `maxConnections`; behind a proxy all have one address. */
  maxConnectionsPerAddress: z.int().positive().optional(),
  /** A request's headers must be there in so many milliseconds. Default 10 000. */
  headersMs: positiveMs.default(10_000),
  /** A whole request must be there in so many milliseconds. Default 30 000. */
  requestMs: positiveMs.default(30_000),
  /** A connection without a request is closed after so many milliseconds. Default 75 000. */
  keepAliveMs: positiveMs.default(75_000),
  /** Who takes nothing of an answer for so many milliseconds is cut off. Default 30 000. */
  stallMs: positiveMs.default(30_000),
  /** A stream that is silent says so after so many milliseconds, so that proxies leave it open. Default 15 000. */
  commentMs: positiveMs.default(15_000),
  /** How long `close()` lets runs go on, in milliseconds. Default 10 000. */
  graceMs: positiveMs.default(10_000),
  /** How many background runs are kept to be asked for. Default 10 000. */
  maxRuns: z.int().positive().default(10_000),
  /** How long a background run is kept after its end, in milliseconds. Default 300 000. */
  keepRunsMs: positiveMs.default(300_000),
  /** Where responses are kept that OpenAI's clients go on from; of the shape of `conversations.store`. Default: in memory. */
  responseStore: z
    .custom<ConversationStore>(
      (value) => isStore(value as Partial<ConversationStore>),
      'is no store: it has load and save',
    )
    .optional(),
  /** How many bytes of responses are kept in memory; those that were not used for longest go first. Default 64 MiB. */
  maxResponseBytes: z
    .int()
    .positive()
    .default(64 * 2 ** 20),
  /** What `GET /metrics` answers: `createMetrics(axon)`. Default: there is none. */
  metrics: z
    .custom<Pick<Metrics, 'contentType' | 'text'>>(
      (value) => typeof (value as Partial<Metrics> | null)?.text === 'function',
      'is not what createMetrics makes',
    )
    .optional(),
  /** The live page, served at `/` with the gateway's tokens: `createLivePage(axon)`. Default: there is none. */
  page: z
    .custom<Enterable>(
      (value) => typeof (value as Partial<Enterable> | null)?.enter === 'function',
      'is not what createLivePage makes',
    )
    .optional(),
})
export type GatewayOptions = z.input<typeof gatewayOptions>
export type GatewaySettings = z.output<typeof gatewayOptions>

function isStore(value: Partial<ConversationStore> | null): boolean {
  return typeof value?.load === 'function' && typeof value.save === 'function'
}

/** @throws AxonError CONFIG_INVALID naming each field that is wrong, and where anybody could come in from elsewhere */
export function parseOptions(given: unknown): GatewaySettings {
  const parsed = gatewayOptions.safeParse(given)
  if (!parsed.success) throw invalidGateway(describe(parsed.error), parsed.error)
  const { auth, host } = parsed.data
  if (!auth && !isLoopback(host))
    throw invalidGateway(
      `without authentication it listens on loopback addresses only, and ${host} is none. Leave host out, or give tokens`,
    )
  return parsed.data
}

export function invalidGateway(what: string, cause?: unknown): AxonError {
  return new AxonError('CONFIG_INVALID', `The options of the gateway are not valid: ${what}.`, { cause })
}
