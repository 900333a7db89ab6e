/**
 * Owns who calls: where tokens come from, and the comparison that tells nothing by its time.
 *
 * 1. A token that was presented is hashed first, and compared with every known one.
 * 2. No token is kept: only its hash.
 */
import { timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { AxonError } from '../errors.ts'
import { digestOf, tagOf } from '../runtime/serving/token.ts'
import type { TraceHeaders } from '../runtime/telemetry/trace-context.ts'
import { invalidGateway, type Role, roles, type TokenDefinition, tokens } from './options.ts'

/** Whoever sent a request, and on behalf of what. */
export interface Caller {
  /** Whose runs are its own. */
  readonly name: string
  /** What the ids of its runs begin with: a run's owner is known by its id, also after a restart. */
  readonly tag: string
  readonly roles: ReadonlySet<Role>
  /** Undefined: all. */
  readonly agents: ReadonlySet<string> | undefined
  /** The trace that the request belongs to. */
  readonly trace?: TraceHeaders | undefined
}

interface Known {
  hash: Buffer
  caller: Caller
}

export class Tokens {
  readonly #known: readonly Known[]

  constructor(definitions: readonly TokenDefinition[]) {
    this.#known = definitions.map((definition) => {
      const digest = digestOf(definition.token)
      const name = definition.name ?? `token-${digestOf(digest).toString('hex').slice(0, 12)}`
      return { hash: digest, caller: callerOf(name, definition) }
    })
  }

  /** @throws AxonError GATEWAY_UNAUTHORIZED */
  identify(authorization: string | undefined): Caller {
    const [, token] = /^bearer (.{1,1024})$/i.exec(authorization ?? '') ?? []
    const caller = this.callerOf(token ?? '')
    if (caller === undefined) throw unauthorized()
    return caller
  }

  /** Undefined where the token is nobody's. */
  callerOf(token: string): Caller | undefined {
    const presented = digestOf(token)
    let caller: Caller | undefined
    for (const known of this.#known) if (timingSafeEqual(known.hash, presented)) caller = known.caller
    return /^[\x21-\x7e]{1,1024}$/.test(token) ? caller : undefined
  }
}

/** Where no token is asked for. */
export const anybody: Caller = callerOf('anybody', { roles: [...roles] })

/**
 * The tokens that the environment gives: `AXON_GATEWAY_TOKENS`, or the file that `AXON_GATEWAY_TOKENS_FILE` names: a JSON array
 * of `{ token, name?, roles?, agents? }`, or tokens with spaces, commas or lines between.
 * @throws AxonError CONFIG_INVALID, which never has a token in it
 */
export function tokensFrom(env: NodeJS.ProcessEnv): TokenDefinition[] | undefined {
  const { AXON_GATEWAY_TOKENS: given, AXON_GATEWAY_TOKENS_FILE: file } = env
  if (given) return parseTokens(given, 'AXON_GATEWAY_TOKENS')
  if (!file) return undefined
  try {
    return parseTokens(readFileSync(file, 'utf8'), file)
  } catch (cause) {
    if (cause instanceof AxonError) throw cause
    throw invalidGateway(`the file of tokens ${file} cannot be read`, cause)
  }
}

function parseTokens(text: string, where: string): TokenDefinition[] {
  const parsed = tokens.safeParse(text.trim().startsWith('[') ? parseJson(text, where) : listed(text))
  if (parsed.success) return parsed.data
  throw invalidGateway(`${where} has no tokens: ${z.prettifyError(parsed.error)}`)
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The cause would quote it.
    throw invalidGateway(`${where} begins as a JSON array and is none`)
  }
}

function listed(text: string): { token: string }[] {
  return text
    .split(/[\s,]+/)
    .filter((token) => token !== '')
    .map((token) => ({ token }))
}

function callerOf(name: string, { roles: given, agents }: Pick<TokenDefinition, 'roles' | 'agents'>): Caller {
  return { name, tag: tagOf(name), roles: new Set(given), agents: agents && new Set(agents) }
}

function unauthorized(): AxonError {
  return new AxonError('GATEWAY_UNAUTHORIZED', 'The token is missing or wrong. Send Authorization: Bearer TOKEN.')
}
