/**
 * Owns the cases of OTP and Elixir that mean nothing in JavaScript, or that are of no use in one thread, each with its reason.
 * They are counted and stand in the table of docs/supervision.md; they are no tests.
 */
import type { Suite } from './cases.ts'

interface NotApplicable {
  suite: Suite
  name: string
  reason: string
}

export const notApplicable: readonly NotApplicable[] = [
  {
    suite: 'supervisor_SUITE',
    name: 'simple_global_supervisor',
    reason: 'A name that is known on every node of a cluster: actor systems here live in one process',
  },
  {
    suite: 'supervisor_SUITE',
    name: 'format_log_1',
    reason: 'The form of a text in the log of OTP: what a supervisor tells here is facts, which have fields',
  },
  {
    suite: 'supervisor_SUITE',
    name: 'format_log_2',
    reason: 'The form of a text in the log of OTP: what a supervisor tells here is facts, which have fields',
  },
  {
    suite: 'supervisor_SUITE',
    name: 'get_callback_module',
    reason: 'A supervisor here is made from options, not from a callback module',
  },
  ...['netsplit', 'trisplit', 'foursplit', 'overlay_missing', 'exchange', 'forced_sync', 'thundering_herd'].map(
    (name) => ({
      suite: 'pg_SUITE' as const,
      name,
      reason: 'What it is about happens between nodes of a cluster: the groups here are of one process.',
    }),
  ),
  {
    suite: 'registry_test',
    name: 'locks when the one holding the lock terminates',
    reason:
      'In one thread what a function does to a registry before it awaits is never interrupted: there is nothing to lock.',
  },
]
