/**
 * Owns what a user may say of the live page and of its server, and what holds where nothing is said.
 */
import * as z from 'zod'
import { AxonError } from '../errors.ts'
import { describe, options } from '../runtime/config/fields.ts'
import { isLoopback } from '../runtime/serving/hosts.ts'

const page = {
  /** How the page calls the system, and the window. Default `axon`. */
  name: z.string().min(1).max(100).default('axon'),
  /** How many events are kept to be looked at again. Default 20 000. */
  events: z.int().positive().max(1_000_000).default(20_000),
  /** How many bytes of them. Default 16 MiB. */
  bytes: z
    .int()
    .positive()
    .default(16 * 2 ** 20),
  /** Origins whose pages may read `/inspect` with its token: where an XState inspector is that runs in a browser. Default: none. */
  inspectOrigins: z
    .array(z.string().regex(/^https?:\/\/[^/\s]+$/, 'is no origin: write https://name, with the port if it has one'))
    .default([]),
}
const livePageOptions = options(page)
export type LivePageOptions = z.input<typeof livePageOptions>

const inspectorOptions = options({
  ...page,
  /** Where it listens: a loopback address. Default `127.0.0.1`. */
  host: z.string().min(1).default('127.0.0.1'),
  /** Default 0: the kernel chooses. */
  port: z.int().nonnegative().max(65_535).default(0),
  /** What a page must say: 16 to 1024 letters, digits and punctuation. Default: one that is made, `inspector.token`. */
  token: z
    .string()
    .regex(/^[\x21-\x7e]{16,1024}$/, 'is no token: 16 to 1024 letters, digits and punctuation, no spaces')
    .optional(),
})
export type InspectorOptions = z.input<typeof inspectorOptions>

/** @throws AxonError CONFIG_INVALID naming each field that is wrong */
export function parsePage(given: unknown): z.output<typeof livePageOptions> {
  const parsed = livePageOptions.safeParse(given)
  if (parsed.success) return parsed.data
  throw invalid(`The options of the live page are not valid: ${describe(parsed.error)}.`, parsed.error)
}

/** @throws AxonError CONFIG_INVALID naming each field that is wrong, and where others could come in from elsewhere */
export function parseInspector(given: unknown): z.output<typeof inspectorOptions> {
  const parsed = inspectorOptions.safeParse(given)
  if (!parsed.success)
    throw invalid(`The options of the inspector are not valid: ${describe(parsed.error)}.`, parsed.error)
  const { host } = parsed.data
  if (isLoopback(host)) return parsed.data
  throw invalid(
    `The inspector listens on loopback addresses only, and ${host} is none. Leave host out, or put the page up with createGateway({ page: createLivePage(axon) }).`,
  )
}

function invalid(message: string, cause?: unknown): AxonError {
  return new AxonError('CONFIG_INVALID', message, { cause })
}
