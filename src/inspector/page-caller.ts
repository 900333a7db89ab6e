/**
 * Owns who looks at a page, and what that allows: which commands, of which runs.
 */
import { AxonError } from '../errors.ts'
import type { PageCaller } from '../runtime/serving/page.ts'
import type { Command, LiveRole } from './frames.ts'

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
