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
]
