/**
 * Owns who looks at a page, and what that allows: which commands, of which runs.
 */
import { AxonError } from '../errors.ts'
import type { Command, LiveRole } from './frames.ts'

/** Whoever a token belongs to. A gateway's callers are such. */
export interface PageCaller {
  /** What the ids of its runs begin with. */
  readonly tag: string
  /** `read` sees everything, `operate` sends events and ends every run, `run` starts runs and answers for its own. */
  readonly roles: ReadonlySet<'read' | 'operate' | 'run'>
  /** The agents that it may use; undefined: all. The page shows all of them, so only who may use all may see it. */
  readonly agents: ReadonlySet<string> | undefined
}

export function maySee({ roles, agents }: PageCaller): boolean {
  return agents === undefined && (roles.has('read') || roles.has('operate'))
}

export function roleOf({ roles }: PageCaller): LiveRole {
  return roles.has('operate') ? 'operate' : 'read'
}

/** The commands that it may give. */
export function capsOf({ roles }: PageCaller): Command['type'][] {
  return [
    'watch',
    'unwatch',
    'history',
    ...(roles.has('operate') ? (['send'] as const) : []),
    ...(roles.has('run') ? (['run.start'] as const) : []),
    ...(roles.has('operate') || roles.has('run') ? (['run.cancel', 'tool.approve'] as const) : []),
  ]
}

/** @throws AxonError GATEWAY_FORBIDDEN */
export function demandOwnRun({ roles, tag }: PageCaller, run: string): void {
  if (roles.has('operate') || run.startsWith(`${tag}-`)) return
  throw new AxonError('GATEWAY_FORBIDDEN', `Run ${run} is another's. Use a token with the role operate.`)
}
