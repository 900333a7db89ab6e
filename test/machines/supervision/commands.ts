/** Owns the words of the property test: specifications, options and commands, as the reference and the stage both read them. */

export type Reason = 'normal' | 'shutdown' | 'shutdown info' | 'boom' | 'crash' | 'hopeless'

export interface Spec {
  id: string
  restart: 'permanent' | 'transient' | 'temporary'
  significant: boolean
  shutdown: number | 'brutal'
  /** What it does when it is asked to end: end, stay, or it cannot be asked. */
  asked: 'ends' | 'stays' | 'cannot'
  /** It is ready after this time; undefined: at once. */
  readyMs: number | undefined
}

export interface Options {
  strategy: 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one'
  intensity: number
  periodMs: number
  autoShutdown: 'never' | 'any_significant' | 'all_significant'
  maxChildren: number | undefined
  backoff: { firstMs: number; baseMs: number; maxMs: number; stableMs: number } | undefined
  coolDownMs: number | undefined
  children: Spec[]
}

export type Spoiled = 'fails' | 'ignores' | 'hopeless'
export const startMs = 900

export type Command =
  | { type: 'exit'; child: number; reason: Reason }
  | { type: 'start'; spec: Spec }
  | { type: 'terminate' | 'delete' | 'restart'; id: string }
  | { type: 'change'; options: Options }
  | { type: 'spoil'; id: string; how: Spoiled; times: number }
  | { type: 'tick'; ms: number }
  | { type: 'stop' }

/** What is answered. */
export type Ask = Exclude<Command, { type: 'exit' | 'spoil' | 'tick' }>
