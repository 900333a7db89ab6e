/** Owns who lives in the scene: agents, replicas and what becomes of each in five minutes. */
import type { LiveFrame } from '../../src/inspector/frames.ts'

type Numbered<T> = T extends { seq: number } ? Omit<T, 'seq'> : T
/** A frame before it has its number. */
export type Draft = Numbered<Exclude<LiveFrame, { type: 'hello' | 'gap' | 'keyframe' | 'ack' | 'machine' }>>

export interface ReplicaScript {
  agent: string
  name: string
  pid: number
  /** State at the beginning, then changes: seconds before the end, and the state. */
  begin: string
  changes: readonly [number, string, string][]
  generation: number
  rssMb: number
}

const crashing = (seconds: readonly number[], last: [number, string, string][]): [number, string, string][] => [
  ...seconds.flatMap((at): [number, string, string][] => [
    [at, 'crashed', 'process.exited'],
    [at - 0.001, 'backoff', 'policy'],
    [at - 2, 'provisioning', 'after'],
    [at - 2.2, 'starting', 'environment.ready'],
    [at - 2.3, 'ready', 'agent.ready'],
  ]),
  ...last,
]

export const replicas: readonly ReplicaScript[] = [
  { agent: 'support', name: 'support/0', pid: 41288, begin: 'ready', changes: [], generation: 1, rssMb: 64 },
  { agent: 'support', name: 'support/1', pid: 41291, begin: 'ready', changes: [], generation: 1, rssMb: 66 },
  {
    agent: 'support',
    name: 'support/2',
    pid: 43870,
    begin: 'ready',
    changes: crashing([205], []),
    generation: 2,
    rssMb: 65,
  },
  {
    agent: 'research',
    name: 'research/0',
    pid: 41302,
    begin: 'ready',
    changes: [
      [162, 'suspect', 'process.silent'],
      [155, 'ready', 'process.heartbeat'],
    ],
    generation: 1,
    rssMb: 118,
  },
  {
    agent: 'research',
    name: 'research/1',
    pid: 43996,
    begin: 'ready',
    changes: crashing(
      [257, 208, 160, 105, 57],
      [
        [4.183, 'crashed', 'process.exited'],
        [4.182, 'backoff', 'policy'],
      ],
    ),
    generation: 6,
    rssMb: 0,
  },
  {
    agent: 'writer',
    name: 'writer/0',
    pid: 41310,
    begin: 'ready',
    changes: [[12, 'draining', 'agent.drain']],
    generation: 1,
    rssMb: 71,
  },
  { agent: 'triage', name: 'triage/0', pid: 41318, begin: 'ready', changes: [], generation: 1, rssMb: 61 },
  { agent: 'triage', name: 'triage/1', pid: 41322, begin: 'ready', changes: [], generation: 1, rssMb: 62 },
  {
    agent: 'triage',
    name: 'triage/2',
    pid: 44031,
    begin: 'idle',
    changes: [
      [69, 'provisioning', 'agent.start'],
      [68.8, 'starting', 'environment.ready'],
      [68.7, 'ready', 'agent.ready'],
    ],
    generation: 1,
    rssMb: 60,
  },
  {
    agent: 'triage',
    name: 'triage/3',
    pid: 44102,
    begin: 'idle',
    changes: [
      [0.9, 'provisioning', 'agent.start'],
      [0.7, 'starting', 'environment.ready'],
    ],
    generation: 1,
    rssMb: 58,
  },
  {
    agent: 'billing',
    name: 'billing/0',
    pid: 0,
    begin: 'idle',
    changes: [
      [273, 'provisioning', 'agent.start'],
      [240, 'starting', 'environment.ready'],
      [232, 'crashed', 'process.exited'],
      [231.9, 'backoff', 'policy'],
      [221, 'provisioning', 'after'],
      [220, 'starting', 'environment.ready'],
      [217, 'crashed', 'process.exited'],
      [216.9, 'backoff', 'policy'],
      [198, 'provisioning', 'after'],
      [197, 'starting', 'environment.ready'],
      [194, 'crashed', 'process.exited'],
      [193.9, 'failed', 'policy'],
    ],
    generation: 3,
    rssMb: 0,
  },
]

export const agentNames = ['support', 'research', 'writer', 'triage', 'billing', 'vision']
export const agentId = (name: string) => `a:${agentNames.indexOf(name)}`
/** The sessionId of an actor by its name. */
export const idOf = (name: string) =>
  name.includes('/') ? `r:${replicas.findIndex((one) => one.name === name)}` : agentId(name)
