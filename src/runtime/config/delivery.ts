/**
 * Owns what a user may say of how often a run is sent, which answers are kept, and how much an agent takes on.
 */
import * as z from 'zod'
import { options, positiveMs } from './fields.ts'

export const maxAttempts = z.int().min(1).max(100)

export const idempotency = options({
  /** How long an answer is kept for others with its key, in milliseconds. Default 86 400 000, a day. */
  keepMs: positiveMs.default(86_400_000),
  /** Of how many keys, in memory; the oldest go first. Default 10 000. */
  maxKeys: z.int().positive().max(10_000_000).default(10_000),
})

export const rate = options({
  /** Runs a second, in the long run; also less than 1. */
  perSecond: z.number().positive().max(1_000_000),
  /** Runs at once, after a while without any. Default: one second's, at least 1. */
  burst: z.int().positive().max(1_000_000).optional(),
}).transform(({ perSecond, burst }) => ({ perSecond, burst: burst ?? Math.max(1, Math.ceil(perSecond)) }))

export const usage = options({
  /** Tokens, input and output, of the runs that ended within `perMs`; those in flight are not counted yet. */
  totalTokens: z.int().positive(),
  /** The time that is looked back on, in milliseconds. */
  perMs: positiveMs,
})
