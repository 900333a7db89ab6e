/**
 * Owns what a page says to the server, and how it is answered. What the server tells by itself is frames.ts, which has these too.
 */

/** The answer to a command. */
export interface AckFrame {
  type: 'ack'
  ref: number
  ok: boolean
  /** Of `run.start`. */
  run?: string
  error?: { code: string; message: string }
}

/** What the page asks; each is answered by `ack` with its `ref`. A role that only reads may watch and ask for history. */
export type Command = { ref: number } & (
  | { type: 'watch'; actors?: readonly string[]; logs?: readonly string[]; runs?: readonly string[] }
  | { type: 'unwatch'; actors?: readonly string[]; logs?: readonly string[]; runs?: readonly string[] }
  /** What is still kept from `fromSeq` on: a keyframe where it is needed, then frames; a `gap` before them where some are gone. */
  | { type: 'history'; fromSeq: number; toSeq?: number }
  /** `type` from the closed list; one for an earlier generation is refused. */
  | { type: 'send'; sessionId: string; generation?: string; event: { type: string; replicas?: number } }
  | { type: 'run.start'; agent: string; prompt: string; message_history?: readonly unknown[] }
  | { type: 'run.cancel'; run: string }
  | { type: 'tool.approve'; run: string; id: string; approved: boolean }
)

/** The first message of a page, in place of a token in the address. */
export interface AuthMessage {
  token: string
}

/** Why a socket was closed. */
export const closeCodes = { unauthorized: 4001, tooSlow: 4008, systemClosed: 4010 } as const
