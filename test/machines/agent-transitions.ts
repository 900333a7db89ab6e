/**
 * Owns the table of legal transitions of a replica, as the design has them: a state, and where it may lead in one step.
 */
export const legalTransitions: Readonly<Record<string, readonly string[]>> = {
  idle: ['provisioning', 'stopped'],
  provisioning: ['provisioning', 'starting', 'stopped', 'crashed.judged'],
  starting: ['ready', 'stopping', 'crashed.ending', 'crashed.judged'],
  ready: ['suspect.waiting', 'suspect.lagging', 'draining', 'crashed.ending', 'crashed.judged'],
  'suspect.waiting': [
    'suspect.confirming',
    'suspect.lagging',
    'ready',
    'draining',
    'stopping',
    'crashed.ending',
    'crashed.judged',
  ],
  'suspect.confirming': ['ready', 'suspect.lagging', 'draining', 'stopping', 'crashed.ending', 'crashed.judged'],
  'suspect.lagging': ['suspect.lagging', 'suspect.waiting', 'ready', 'draining', 'crashed.ending', 'crashed.judged'],
  draining: ['stopping', 'stopped', 'idle', 'provisioning'],
  stopping: ['stopped', 'idle', 'provisioning'],
  stopped: ['provisioning'],
  'crashed.ending': ['crashed.judged', 'stopping'],
  // Everybody who watches sees it for one step; who answers to what he sees by a command goes on from there.
  'crashed.judged': ['backoff', 'failed', 'stopped', 'provisioning'],
  backoff: ['provisioning', 'stopped'],
  failed: ['provisioning', 'stopped'],
}

export function nameOf(value: unknown): string {
  return typeof value === 'string'
    ? value
    : Object.entries(value as object)
        .flat()
        .join('.')
}
