/**
 * Owns the life of one replica: which state follows which, and that it has at most one live process. It starts nothing itself:
 * environment, process and probe are slots.
 *
 * 1. A new process is made only when the last one's `process.exited` has been heard.
 * 2. `agent.stop` wins over everything; an `agent.start` during stopping is kept and honoured after it.
 * 3. Events of another generation, and of a process that has exited, change nothing.
 * 4. No state is final: only the parent ends this actor.
 */
import { assign, raise } from 'xstate'
import { type AxonError, toAxonError } from '../errors.ts'
import type { AgentEndpoint, AgentFacts } from '../protocol/control.ts'
import { generationOf, noProcess } from './agent-context.ts'
import { leaving } from './agent-leaving.ts'
import { agentParts, terminate } from './agent-parts.ts'
import { suspect } from './agent-suspect.ts'
import { type Crash, judgeEnvironment, judgeExit } from './crash.ts'
import { noRestarts } from './restart-policy.ts'

export const agentMachine = agentParts.createMachine({
  id: 'agent',
  context: ({ input }) => ({
    definition: input.definition,
    replica: input.replica ?? 0,
    parent: input.parent,
    now: input.now ?? (() => performance.now()),
    random: input.random ?? Math.random,
    generation: input.generation ?? 0,
    environment: undefined,
    hasProcess: false,
    ...noProcess,
    history: noRestarts,
    restarts: 0,
    delayMs: 0,
    givenUp: undefined,
    next: 'stopped',
    lastError: undefined,
  }),
  initial: 'idle',
  states: {
    idle: {
      entry: 'tellRest',
      on: {
        'agent.start': 'provisioning',
        'agent.restart': 'provisioning',
        'agent.stop': 'stopped',
        'agent.configure': { actions: 'configure' },
      },
    },

    provisioning: {
      entry: ['beginGeneration', { type: 'tell', params: { type: 'agent.provisioning' } }],
      invoke: {
        id: 'environment',
        src: 'ensureEnvironment',
        input: ({ context }) => context.definition,
        onDone: {
          target: 'starting',
          actions: [
            assign({ environment: ({ event }) => event.output }),
            { type: 'tell', params: ({ event }) => ({ type: 'environment.ready', environment: event.output }) },
          ],
        },
        onError: {
          target: 'crashed.judged',
          actions: {
            type: 'keepCrash',
            params: ({ context, event }) => ({
              crash: judgeEnvironment(toAxonError(event.error), generationOf(context)),
            }),
          },
        },
      },
      on: { 'agent.stop': 'stopped', 'agent.restart': { target: 'provisioning', reenter: true } },
    },

    starting: {
      entry: ['spawnPort', 'keepProcess', { type: 'tell', params: { type: 'agent.starting' } }],
      after: {
        startMs: {
          target: 'crashed',
          actions: { type: 'command', params: terminate('start_timeout') },
        },
      },
      on: {
        'agent.ready': { guard: 'isCurrent', target: 'ready', actions: 'keepReady' },
        'agent.stop': { target: 'stopping', actions: 'wantStop' },
        'agent.restart': { target: 'stopping', actions: 'wantStart' },
      },
    },

    ready: {
      entry: [
        'armLiveness',
        {
          type: 'tell',
          params: ({ context }) => ({
            type: 'agent.ready',
            pid: context.pid,
            endpoint: context.endpoint as AgentEndpoint,
            facts: context.facts as AgentFacts,
          }),
        },
      ],
      exit: 'disarmLiveness',
      on: {
        'process.heartbeat': [
          { guard: 'isLagging', target: 'suspect.lagging', actions: ['keepHeartbeat', 'tellHeartbeat'] },
          { guard: 'isCurrent', actions: ['keepHeartbeat', 'disarmLiveness', 'armLiveness', 'tellHeartbeat'] },
        ],
        'process.alive': {
          guard: 'isCurrent',
          actions: ['keepAlive', 'disarmLiveness', 'armLiveness', 'tellReplicas'],
        },
        'liveness.suspected': 'suspect',
        'agent.stop': 'draining',
        'agent.drain': 'draining',
        'agent.quiet': { target: 'draining', actions: 'wantIdle' },
        'agent.restart': { target: 'draining', actions: 'wantStart' },
      },
    },

    suspect,

    draining: {
      ...leaving,
      entry: [
        { type: 'tell', params: { type: 'agent.draining' } },
        { type: 'command', params: { type: 'process.drain' } },
      ],
      after: { shutdownMs: 'stopping' },
    },

    stopping: {
      ...leaving,
      entry: [
        { type: 'tell', params: { type: 'agent.stopping' } },
        { type: 'command', params: terminate('stop') },
      ],
    },

    stopped: {
      entry: [{ type: 'tell', params: { type: 'agent.stopped' } }, 'forget'],
      on: {
        'agent.start': 'provisioning',
        'agent.restart': 'provisioning',
        'agent.stop': { actions: { type: 'tell', params: { type: 'agent.stopped' } } },
        'agent.configure': { actions: 'configure' },
      },
    },

    crashed: {
      initial: 'ending',
      states: {
        /** Node found the fault: the process is being ended. */
        ending: {},
        judged: {
          entry: [
            'judge',
            {
              type: 'tell',
              params: ({ context }) => ({
                type: 'agent.crashed',
                crash: context.crash as Crash,
                restarts: context.restarts,
                wasReady: context.readyAtMs !== undefined,
              }),
            },
            'decide',
          ],
          on: {
            // A step of its own, so that everybody who watches sees `crashed`.
            'restart.decided': [{ guard: 'hasGivenUp', target: '#agent.failed' }, { target: '#agent.backoff' }],
            'agent.stop': '#agent.stopped',
            // As from `failed` or `backoff`, to which this comes before.
            'agent.start': [
              { guard: 'hasGivenUp', target: '#agent.provisioning', actions: 'forget' },
              { target: '#agent.provisioning' },
            ],
            'agent.restart': [
              { guard: 'hasGivenUp', target: '#agent.provisioning', actions: 'forget' },
              { target: '#agent.provisioning' },
            ],
          },
        },
      },
      on: {
        'agent.stop': { target: 'stopping', actions: 'wantStop' },
        'agent.restart': { target: 'stopping', actions: 'wantStart' },
      },
    },

    backoff: {
      entry: {
        type: 'tell',
        params: ({ context }) => ({
          type: 'agent.backoff',
          delayMs: context.delayMs,
          error: context.lastError as AxonError,
        }),
      },
      after: { backoffMs: 'provisioning' },
      on: { 'agent.start': 'provisioning', 'agent.restart': 'provisioning', 'agent.stop': 'stopped' },
    },

    failed: {
      entry: [
        {
          type: 'tell',
          params: ({ context }) => ({
            type: 'agent.failed',
            why: context.givenUp as 'hopeless' | 'intensity',
            error: context.lastError as AxonError,
          }),
        },
        'armCoolDown',
      ],
      exit: 'disarmCoolDown',
      on: {
        'agent.start': { target: 'provisioning', actions: 'forget' },
        'agent.restart': { target: 'provisioning', actions: 'forget' },
        'agent.stop': { target: 'stopped', actions: 'forget' },
        // One start, with nothing forgotten: lost again, it fails again.
        'failed.cooled': { target: 'provisioning', actions: 'probe' },
      },
    },
  },
  on: {
    'agent.configure': { actions: ['configure', raise({ type: 'agent.restart' })] },
    'agent.adjust': { actions: ['configure', 'adjustProcess'] },
    'process.spawned': {
      guard: 'isCurrent',
      actions: ['keepPid', { type: 'tell', params: ({ event }) => ({ type: 'process.spawned', pid: event.pid }) }],
    },
    'process.violated': {
      guard: 'isCurrent',
      actions: { type: 'command', params: terminate('protocol') },
      target: '.crashed',
    },
    'process.exited': {
      guard: 'isCurrent',
      target: '.crashed.judged',
      actions: [
        {
          type: 'keepCrash',
          params: ({ context, event }) => ({
            crash: judgeExit(context.definition.name, event.exit, context.readyAtMs !== undefined),
          }),
        },
        'tellExit',
        'stopPort',
        'forgetProcess',
      ],
    },
  },
})
