/**
 * The faults that Axon must survive, and the tests that try each. Owns the table; running it is scripts/faults.ts.
 *
 * A test is its file, and its title, or the beginning of it, where the file has others too. A fault of which a part is tried by no
 * test says which in `lacks`: its tests run all the same, but it is never reported as held. One that this machine cannot make, as
 * `needs` tells, is not tried here.
 */
import { type Need, otherUsers, smallDisks } from './needs.ts'

export interface Fault {
  id: string
  title: string
  tests: readonly string[]
  lacks?: string
  needs?: Need
}

const hostEnds = 'python/tests/test_host_ends.py'
const refusals =
  'gateway/guards.test.ts › whatever is wrong with a request is refused as the table of docs/gateway.md says, in one shape, and the gateway goes on'

export const faults: readonly Fault[] = [
  fault('F1', 'SIGKILL of an agent in a run', [
    'e2e/at-most-once.test.ts › under SIGKILL nothing runs twice, and nothing that ran is reported as not started',
  ]),
  fault('F2', 'SIGKILL before the receipt', [
    'faults/delivery.test.ts › a process that is killed at any byte of the request: proved not to have started, another one gets the run',
  ]),
  fault('F3', 'SIGKILL in a stream', [
    'e2e/crashes.test.ts › SIGKILL in the middle of a stream ends the loop with RUN_INTERRUPTED, never as if all had been said',
  ]),
  fault('F4', 'SIGSTOP of an agent', [
    'e2e/hangs.test.ts › a process that is stopped is suspect after 10 s, gets nothing new, and is ended as a hang after 30 s: SIGABRT, then SIGKILL',
    'e2e/hangs.test.ts › a process that is stopped and goes on in time is ready again: no restart, and what waited goes there',
  ]),
  fault('F5', 'a call that holds the interpreter', [
    'e2e/hangs.test.ts › a process that holds the interpreter is ended as a hang after 30 s, its last lines say where, and its run is interrupted',
  ]),
  fault('F6', 'an event loop that is blocked', [
    'faults/blocked.test.ts',
    'machines/agent-liveness.test.ts',
    'python/tests/test_start.py::test_heartbeats_come_from_a_thread_and_show_a_loop_that_hangs',
  ]),
  fault('F7', 'memory that runs out', [
    'e2e/limits.test.ts › an agent beyond its memory crashes as oom, with the limit in the message, and is started again',
  ]),
  fault('F8', 'a module that cannot be imported', [
    'e2e/crashes.test.ts › a module that cannot be imported is tried three times, then failed with what is missing',
  ]),
  fault('F9', 'exit 0 before ready', ['e2e/bad-input.test.ts › a module that ends the process with exit code 0']),
  fault('F10', 'an agent that is never ready', [
    'e2e/crashes.test.ts › a process that is not ready within startMs is ended, and its last lines say where it was',
  ]),
  fault('F11', 'a crash after each start', [
    'machines/restart-policy.test.ts',
    'e2e/crashes.test.ts › a crash loop goes through backoff to failed; runs are refused there; agent.start brings it back once mended',
    'e2e/crashes.test.ts › runs during a backoff are answered at once with the time to try again, also those that waited',
  ]),
  fault('F12', 'garbage on the control connection', [
    'faults/garbage.test.ts',
    'runtime/process/frames.test.ts',
    'python/tests/test_spoiled_frames.py',
    'python/tests/test_protocol.py',
    'python/tests/test_start.py::test_an_unreadable_frame_later_ends_the_process',
  ]),
  fault('F14', "frames in another's name", [
    "e2e/processes.test.ts › an agent that says hello in another's name, or again in its own, gets nothing, and the other is not touched",
    'faults/forged.test.ts',
  ]),
  fault('F15', 'a port in use, a stale socket, a link in its place', [
    'python/tests/test_bind.py',
    'e2e/bad-input.test.ts › a port in use is refused in seconds, with PORT_IN_USE, and leaves nothing',
    'e2e/processes.test.ts › a file that stands where sockets are made is not followed: each system makes a private directory of its own',
  ]),
  fault('F16', 'a path too long for sockets', [
    'python/tests/test_bind.py::test_a_path_that_is_too_long_is_refused',
    'e2e/no-sockets.test.ts › a system that finds no place for its sockets says so instead of waiting for ever',
  ]),
  fault(
    'F17',
    'a full disk while an environment is made',
    [
      'e2e/bad-input.test.ts › a full disk is refused in seconds, with ENV_DISK_FULL, and leaves no half-made environment',
      'faults/full-disk.test.ts',
    ],
    undefined,
    smallDisks,
  ),
  fault('F18', 'SIGKILL of Node while an environment is made', [
    'faults/killed-build.test.ts',
    'runtime/environment/guard.test.ts',
    'runtime/environment/lock.test.ts › the lock of a dead process is taken over by exactly one',
  ]),
  fault('F19', 'an index that serves damaged or other files, or does not answer', [
    'faults/bad-index.test.ts',
    'runtime/environment/hashes.test.ts',
  ]),
  fault('F20', 'two systems in one place', [
    'e2e/boot.test.ts › systems on one stateDir run side by side, in one Node or several; each sweeps only the dead',
    'e2e/journal.test.ts › a second system on a journal does not start, says who has it, and leaves nothing',
  ]),
  fault('F21', 'start and stop twice, stop while starting', [
    'e2e/closing.test.ts › close() twice closes once; afterwards everything says that the system is closed',
    'e2e/lifecycle.test.ts › agent.start to an agent that is starting or ready makes no second process',
    'e2e/lifecycle.test.ts › an agent that is stopped while it starts has no process, and who waits for it is told',
    'machines/agent.property.test.ts',
    'faults/real.property.test.ts',
  ]),
  fault('F22', 'stop in a backoff, start in a stop', [
    'e2e/crashes.test.ts › agent.stop during a backoff ends the waiting: no timer is left that could start a process',
    'e2e/lifecycle.test.ts › an agent.start during stopping is kept and honoured after it: there are never two processes',
  ]),
  fault('F23', 'another configuration in a crash loop or in runs', ['e2e/apply.test.ts', 'faults/reload.test.ts']),
  fault('F24', 'SIGKILL of Node', [
    'faults/node-killed.test.ts',
    'e2e/killed.test.ts › when Node is killed, host, agents, their daemons and the sockets are gone',
    hostEnds,
  ]),
  fault('F25', 'signals to Node', ['faults/signals.test.ts', 'faults/hangup.test.ts']),
  fault('F26', 'Node that throws, has no memory left, or is paused', [
    'faults/node-ends.test.ts',
    'e2e/paused.test.ts › what was silent while Node itself was paused is asked, and not ended',
    'e2e/killed.test.ts › a Node that exits without closing leaves nothing either, not even its record',
  ]),
  fault('F27', 'SIGKILL of the host', [
    `${hostEnds}::test_when_the_host_is_killed_the_guard_sweeps_and_says_so`,
    'runtime/process/port.test.ts › a host that ends takes its processes with it, and they are told as lost with it',
  ]),
  fault('F28', 'a daemon that outlives its agent', ['e2e/daemons.test.ts']),
  fault('F29', 'a fork bomb', [
    'e2e/limits.test.ts › a fork bomb stays within its limit, and the other agents answer meanwhile',
  ]),
  fault('F31', 'a flood of output', ['e2e/flood.test.ts', 'runtime/process/output.test.ts']),
  fault('F32', 'a log that takes nothing', ['faults/log.test.ts'], undefined, smallDisks),
  fault('F33', 'no descriptor left', [
    'e2e/limits.test.ts › the limit of open files is an OSError of the agent, which goes on serving',
    'faults/descriptors.test.ts',
    'faults/hoard.test.ts',
  ]),
  fault('F34', 'a slow reader', [
    'gateway/bounds.test.ts › who takes nothing of a stream is cut off, and its run ends',
    'e2e/streams.test.ts › a reader that is slow holds the agent back instead of filling memory',
  ]),
  fault('F35', 'a caller who leaves', [
    'faults/leaving-clients.test.ts',
    'python/tests/test_runs.py::test_a_run_whose_caller_leaves_is_cancelled',
    'gateway/routes.test.ts › a client that goes away ends its run in Python',
    'e2e/stuck.test.ts › a cancellation reaches the task and what it awaits of its provider within 100 ms',
  ]),
  fault('F37', 'an agent that answers in halves', [
    'faults/delivery.test.ts › an answer that ends in its middle: the run had started, and is not run again',
    'faults/delivery.test.ts › a stream that ends in its middle, cleanly or not, never ends as if all had been said',
    'faults/answers.test.ts',
  ]),
  fault('F38', 'a connection that closes as it is used', ['faults/keep-alive.test.ts']),
  fault('F39', 'an agent that raised', [
    'faults/delivery.test.ts › what the agent raised is not run again, idempotent or not',
  ]),
  fault('F40', 'a crowd', ['gateway/crowd.test.ts']),
  fault('F41', 'requests that do not come to an end', [
    'faults/slow-requests.test.ts',
    'gateway/bounds.test.ts › headers that do not come to an end are answered with 408, and the connection is closed',
    'gateway/bounds.test.ts › a body that does not come to an end is cut off, and starts no run',
  ]),
  fault('F42', 'a body too large, or compressed', [refusals, 'faults/endless-bodies.test.ts']),
  fault('F43', 'JSON that is none, or that is a trap', [refusals, 'python/tests/test_request.py']),
  fault('F44', 'names that are none', [refusals]),
  fault('F45', 'requests in one another', [refusals, 'gateway/bytes.property.test.ts']),
  fault('F46', 'a token that is wrong, or of another process', [
    'python/tests/test_app.py::test_every_route_asks_for_the_token',
    'python/tests/test_app.py::test_the_token_is_checked_before_the_body_is_read',
    'e2e/processes.test.ts › each process has a token of its own: that of another agent, of an earlier process, or none, is refused',
    'gateway/guards.test.ts › a token that was made is the only one that opens, and only while its gateway is there',
    'gateway/tokens.test.ts',
    refusals,
  ]),
  fault('F47', 'another Host or Origin', [refusals]),
  fault(
    'F48',
    'another user',
    [
      'faults/other-user.test.ts',
      'python/tests/test_bind.py::test_a_unix_socket_is_for_its_owner_only_and_removed',
      'e2e/processes.test.ts › neither the bearer token nor the nonce of a process stands in its arguments or its environment',
    ],
    undefined,
    otherUsers,
  ),
  fault('F49', 'a clock that jumps', ['faults/clock.test.ts', 'e2e/paused.test.ts']),
  fault('F52', 'the death of a replica with runs, and of all', [
    'faults/storm.test.ts',
    'e2e/pools-load.test.ts › of a pool of four, one killed after the other, only what had begun on the dead is interrupted; nothing runs twice',
  ]),
  fault('F53', 'one idempotency key, many times', [
    'faults/delivery.test.ts › a hundred calls with one key are one execution; after a crash its error is answered again',
    'gateway/routes.test.ts › one idempotency key is one run, of each caller, and another body is refused',
  ]),
  fault('F54', 'a journal that is damaged or has no room', [
    'e2e/journal.test.ts › on a full disk a required journal refuses runs before they are sent, best effort runs them; with room all is well',
    'runtime/journal/journal.test.ts › a damaged journal that is required refuses runs and is left as it is',
    'runtime/journal/journal.test.ts › a damaged journal under best effort is moved aside, and another is begun',
  ]),
  fault('F55', 'code that will not end', [
    'e2e/processes.test.ts › an agent that takes no polite signal is gone within shutdownMs and a second',
    'e2e/stuck.test.ts',
  ]),
  fault('F56', '1,000 starts and ends', [
    'e2e/cycles.test.ts › after 1,000 ends and starts Node and the host hold what they held after 200: memory, descriptors, timers, listeners, actors',
  ]),
]

function fault(id: string, title: string, tests: readonly string[], lacks?: string, needs?: Need): Fault {
  return { id, title, tests, ...(lacks === undefined ? {} : { lacks }), ...(needs === undefined ? {} : { needs }) }
}
