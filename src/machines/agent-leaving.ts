/**
 * Owns what `draining` and `stopping` of a replica have in common: the process is on its way out, and what comes after it may
 * still be changed. The chart is agent.ts.
 */
import { agentParts, terminate } from './agent-parts.ts'

export const leaving = agentParts.createStateConfig({
  on: {
    'process.exited': [
      { guard: 'isWantedAgain', target: '#agent.provisioning', actions: ['tellExit', 'stopPort', 'forgetProcess'] },
      { guard: 'isToRest', target: '#agent.idle', actions: ['tellExit', 'stopPort', 'forgetProcess'] },
      { guard: 'isCurrent', target: '#agent.stopped', actions: ['tellExit', 'stopPort', 'forgetProcess'] },
    ],
    'process.violated': { guard: 'isCurrent', actions: { type: 'command', params: terminate('protocol') } },
    'agent.start': { actions: 'wantStart' },
    'agent.restart': { actions: 'wantStart' },
    'agent.stop': { actions: 'wantStop' },
    'agent.configure': { actions: 'configure' },
  },
})
