/**
 * Owns `suspect` of a replica: nothing new is sent to its process, which is asked whether it answers. One that says nothing is
 * ended in the end; one whose event loop lags is only waited for. The chart is agent.ts.
 */
import { type AgentContext, generationOf } from './agent-context.ts'
import { agentParts, terminate } from './agent-parts.ts'

const recovered = { type: 'tell', params: { type: 'agent.recovered' } } as const
/** Whether the process answers: then it is ready again. */
const probe = {
  src: 'healthProbe',
  input: ({ context }: { context: AgentContext }) => ({ generation: generationOf(context) }),
  onDone: { target: '#agent.ready', actions: recovered },
} as const

export const suspect = agentParts.createStateConfig({
  entry: { type: 'tell', params: { type: 'agent.suspect' } },
  initial: 'waiting',
  states: {
    waiting: {
      entry: 'armExpiry',
      exit: 'disarmLiveness',
      invoke: { ...probe, id: 'probe', onError: {} },
      on: { 'liveness.expired': 'confirming' },
    },
    /** Silence proves nothing where Node itself was paused and has not read what was said: it is asked once more. */
    confirming: {
      invoke: {
        ...probe,
        id: 'confirmation',
        onError: { target: '#agent.crashed', actions: { type: 'command', params: terminate('hang') } },
      },
    },
    /** It is heard, but its event loop does not answer: its runs go on, and have their time where it is to end. */
    lagging: {
      entry: 'armLiveness',
      exit: 'disarmLiveness',
      invoke: { ...probe, id: 'loopProbe', onError: {} },
      on: {
        'liveness.suspected': 'waiting',
        'agent.stop': '#agent.draining',
        'agent.restart': { target: '#agent.draining', actions: 'wantStart' },
      },
    },
  },
  on: {
    'process.heartbeat': [
      // Asked again each time: the loop answers the last of the questions as soon as it is free.
      { guard: 'isLagging', target: '.lagging', actions: ['keepHeartbeat', 'tellHeartbeat'] },
      {
        guard: 'isCurrent',
        target: '#agent.ready',
        actions: ['keepHeartbeat', recovered],
      },
    ],
    'process.alive': {
      guard: 'isCurrent',
      target: '#agent.ready',
      actions: ['keepAlive', recovered],
    },
    'agent.stop': { target: '#agent.stopping', actions: 'wantStop' },
    'agent.drain': '#agent.draining',
    'agent.restart': { target: '#agent.stopping', actions: 'wantStart' },
  },
})
