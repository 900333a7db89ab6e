/** The guards of python/, and what switches each off. */
import type { Mutation } from './table.ts'

const ends = 'python/tests/test_host_ends.py'
const killed =
  'e2e/at-most-once.test.ts › under SIGKILL nothing runs twice, and nothing that ran is reported as not started'

export const python: readonly Mutation[] = [
  {
    id: 'receipt',
    guard: 'the receipt is sent before the code of a run is called',
    edits: [
      {
        file: 'python/src/axon_agent/runs.py',
        find: 'await self._receipts.receipt(run.id)',
        replace: 'asyncio.ensure_future(self._receipts.receipt(run.id))',
      },
    ],
    tests: ['python/tests/test_runs.py::test_the_receipt_comes_although_the_run_kills_its_process', killed],
  },
  {
    id: 'receipt-taken',
    guard: 'while the kernel does not take the receipt, the run waits',
    edits: [
      {
        file: 'python/src/axon_agent/control.py',
        find: 'await asyncio.shield(asyncio.wrap_future(self._later(frame, rest, claim)))',
        replace: 'self._later(frame, rest, claim)',
      },
    ],
    tests: [
      'python/tests/test_control.py::test_receipts_wait_while_the_channel_is_full_and_the_loop_goes_on',
      'python/tests/test_app.py::test_while_the_channel_is_full_no_run_starts',
    ],
  },
  {
    id: 'taken-back',
    guard: 'an attempt that Node has taken back does not begin when it comes',
    edits: [
      {
        file: 'python/src/axon_agent/runs.py',
        find: 'head.attempt <= self._refused_up_to(head.run)',
        replace: 'head.attempt < 0',
      },
    ],
    tests: [
      'python/tests/test_revoke.py::test_an_attempt_that_is_not_known_is_refused_when_it_comes_and_the_next_one_is_taken',
      'python/tests/test_runs.py::test_a_cancel_that_overtakes_its_run_is_kept',
    ],
  },
  {
    id: 'token',
    guard: "an agent's process asks for its token",
    edits: [
      {
        file: 'python/src/axon_agent/app.py',
        find: 'return lambda given: hmac.compare_digest(given, expected)',
        replace: 'return lambda given: True',
      },
    ],
    tests: [
      'python/tests/test_app.py::test_every_route_asks_for_the_token',
      'python/tests/test_app.py::test_the_token_is_checked_before_the_body_is_read',
    ],
  },
  {
    id: 'end-of-file',
    guard: 'host and guard end everything when the pipe of Node ends',
    edits: [
      {
        file: 'python/src/axon_agent/hosting.py',
        find: 'elif event & guard.HUNG_UP or not self._read():',
        replace: 'elif event & select.POLLIN and not self._read() and not event & guard.HUNG_UP:',
      },
      {
        file: 'python/src/axon_agent/guard.py',
        find: 'poll.register(self._lifeline, HUNG_UP)',
        replace: 'poll.register(self._wake, HUNG_UP)',
      },
    ],
    tests: [`${ends}::test_when_node_is_killed_all_die_and_the_runtime_directory_goes`],
  },
  {
    id: 'nothing-after-the-end',
    guard: 'nothing is started once the pipe of Node has ended',
    edits: [
      {
        file: 'python/src/axon_agent/hosting.py',
        find: '        if not self._has_node():\n            return False\n',
        replace: '',
      },
      {
        file: 'python/src/axon_agent/hosting.py',
        find: 'event & guard.HUNG_UP or not self._read()',
        replace: 'not self._read()',
      },
    ],
    tests: [`${ends}::test_requests_that_were_queued_when_node_was_killed_start_nothing`],
  },
  {
    id: 'sweep',
    guard: 'the guard leaves nothing of what was started below it',
    edits: [{ file: 'python/src/axon_agent/guard.py', find: '        self._sweep()\n', replace: '' }],
    tests: [
      'python/tests/test_guard.py::test_a_daemon_of_a_command_that_ends_is_killed',
      `${ends}::test_when_the_host_is_killed_the_guard_sweeps_and_says_so`,
    ],
  },
  {
    id: 'strays',
    guard: 'the daemons of an agent end with it',
    edits: [
      {
        file: 'python/src/axon_agent/hosting.py',
        find: '!= self._starting.waiting:\n                guard.kill(pid)',
        replace: '!= self._starting.waiting:\n                pass',
      },
    ],
    tests: ['python/tests/test_host.py::test_a_daemon_is_killed_when_the_agent_that_made_it_ends'],
  },
  {
    id: 'control-ends',
    guard: 'an agent ends with its control connection',
    edits: [
      {
        file: 'python/src/axon_agent/control.py',
        find: 'except EOFError:\n                self._gone()',
        replace: 'except EOFError:\n                pass',
      },
    ],
    tests: [
      'python/tests/test_control.py::test_the_end_of_the_connection_is_told',
      'python/tests/test_start.py::test_the_end_of_control_kills_it_while_it_loads',
    ],
  },
  {
    id: 'sandbox-files',
    guard: 'the kernel keeps a sandbox to its files',
    edits: [{ file: 'python/src/axon_agent/sandbox.py', find: 'rules.enforce()', replace: 'pass' }],
    tests: [
      'e2e/sandbox.test.ts › files outside are neither read nor changed, at import already, and permitted ones are',
    ],
  },
  {
    id: 'sandbox-network',
    guard: 'the kernel keeps a sandbox from the network',
    edits: [
      {
        file: 'python/src/axon_agent/sandbox.py',
        find: 'seccomp.enforce(inet=order.ports is True or bool(order.ports), only_tcp=order.ports is not True)',
        replace: 'pass',
      },
    ],
    tests: ['e2e/sandbox.test.ts › without net there is no network, with net: true there is'],
  },
  {
    id: 'ray-token',
    guard: 'an agent on Ray asks for the token, of which it knows the hash',
    edits: [
      {
        file: 'python/src/axon_agent/ray.py',
        find: 'token != given and hmac.compare_digest(hashlib.sha256(token).hexdigest(), sha256)',
        replace: 'token is not None',
      },
    ],
    tests: [
      'python/tests/test_ray.py::test_a_request_without_the_token_is_refused',
      'python/tests/test_ray.py::test_the_token_without_its_scheme_is_refused',
    ],
  },
  {
    id: 'ray-cancel',
    guard: 'a call that Ray cancels cancels its run',
    edits: [
      {
        file: 'python/src/axon_agent/app.py',
        find: '        finally:\n            if not answer.is_ended:',
        replace: '        except KeyError:\n            if not answer.is_ended:',
      },
    ],
    tests: ['python/tests/test_ray.py::test_a_call_that_is_cancelled_cancels_its_run'],
  },
]
