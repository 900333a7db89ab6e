/** Owns the faults of a soak: each is done to the system in the middle of its load, and is over by itself. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { killed, type Fault as ProxyFault } from '../proxy.ts'
import { type Process, type SoakSystem, victims } from './system.ts'
import type { Traffic } from './traffic.ts'

type Fault = (system: SoakSystem, traffic: Traffic) => void

/** By name. Each does what it says. */
export const soakFaults: Readonly<Record<string, Fault>> = {
  'SIGKILL of a process': toProcess((victim, system) => system.signal(victim, 'SIGKILL')),
  'SIGTERM to a process': toProcess((victim, system) => system.signal(victim, 'SIGTERM')),
  'SIGSEGV to a process': toProcess((victim, system) => system.signal(victim, 'SIGSEGV')),
  'a process is paused': toProcess((victim, system) => {
    system.signal(victim, 'SIGSTOP')
    system.after(100 + system.upTo(3_000), () => system.signal(victim, 'SIGCONT'))
  }),
  'a process hangs': toProcess((victim, system) => system.signal(victim, 'SIGSTOP')),
  'all processes of an agent are killed': (system) => {
    const agent = system.pick(victims)
    for (const one of system.processes()) if (one.agent === agent) system.signal(one, 'SIGKILL')
  },
  'SIGKILL of the host': (system) => killed(system.host()?.pid),
  'SIGKILL of the guard': (system) => killed(system.host()?.guard),
  'the code raises': acts('raise'),
  'the code ends its process': acts('exit'),
  'the code aborts': acts('abort'),
  'the code blocks its loop': acts('block'),
  'the code holds the interpreter': acts('hold'),
  'the code leaves a daemon and is killed': (system, traffic) => {
    const victim = system.victim()
    if (!victim) return
    traffic.send(victim.agent, { act: 'daemon', seconds: 0.2 })
    system.after(100, () => system.signal(victim, 'SIGKILL'))
  },
  'the code floods its output': acts('flood'),
  'the code writes garbage to Node': acts('garbage'),
  'the code speaks of the runs of others': acts('forge'),
  'the code leaves its connection to Node': acts('leave'),
  'the code takes too much memory': (_, traffic) => traffic.send('three', { act: 'memory', seconds: 1 }),
  'a request breaks': toConnection('request'),
  'an answer breaks': toConnection('answer'),
  'all connections to a process close': toProcess(({ proxy }) => proxy?.closeAll()),
  'a process cannot be reached': toProcess((victim, system) => {
    victim.proxy?.refuse()
    system.after(1_000, () => system.signal(victim, 'SIGKILL'))
  }),
  'strangers connect to Node': (system) => {
    const path = join(system.axon.runtimeDir ?? '', 'axon.sock')
    for (const said of ['', 'nonsense\n', '{"type":"hello","nonce":"guessed"}\n', '\0'.repeat(70_000)]) {
      const socket = connect(path).on('error', () => {})
      socket.write(said)
      system.after(200, () => socket.destroy())
    }
  },
  'a caller gives up': (system, traffic) => {
    const signal = AbortSignal.timeout(50 + system.upTo(500))
    traffic.send(system.pick(victims), { seconds: 2 }, { signal })
  },
  'a deadline passes': (system, traffic) => traffic.send(system.pick(victims), { seconds: 5 }, { runMs: 300 }),
  'a reader leaves its stream': (system, traffic) => {
    let left = system.upTo(10)
    traffic.read(system.pick(victims), { pieces: 100 }, async () => (left-- > 0 ? 'go on' : 'leave'))
  },
  'a reader is slow': (system, traffic) => {
    let left = 5
    const pause = () =>
      new Promise<'go on' | 'leave'>((go) => system.after(300, () => go(left-- > 0 ? 'go on' : 'leave')))
    traffic.read(system.pick(victims), { pieces: 1_000 }, pause)
  },
  'one key is used many times': (_, traffic) => traffic.sendAsOne('two', { seconds: 0.2 }, 20),
  'an agent is restarted': (system) => system.axon.agent(system.pick(victims)).send({ type: 'agent.restart' }),
  'an agent is stopped and started': (system) => {
    const agent = system.axon.agent(system.pick(victims))
    agent.send({ type: 'agent.stop' })
    system.after(system.upTo(500), () => agent.send({ type: 'agent.start' }))
  },
  'an agent is scaled and back': (system) => {
    const agent = system.axon.agent(system.pick(victims))
    agent.send({ type: 'agent.scale', replicas: 1 + system.upTo(4) })
    system.after(1_500, () => agent.send({ type: 'agent.scale', replicas: 2 }))
  },
  'the configuration changes': (system) => {
    // What does not become ready for another fault is told here, and is tried again.
    const change = system.axon.apply({ agents: system.definitions(system.upTo(2 ** 31)) }).catch(() => {})
    system.after(0, () => change)
  },
  'Node is paused': (system) => {
    const child = spawn('sh', ['-c', `kill -STOP ${process.pid}; sleep 1; kill -CONT ${process.pid}`], {
      stdio: 'ignore',
    })
    const exited = once(child, 'exit')
    system.after(0, () => exited)
  },
  'Node is busy': () => {
    for (const until = performance.now() + 300; performance.now() < until; );
  },
}

/** All agents are hit by them: those that none is aimed at, too. */
export const forAll: ReadonlySet<string> = new Set([
  'SIGKILL of the host',
  'SIGKILL of the guard',
  'Node is paused',
  'Node is busy',
])

function toProcess(act: (victim: Process, system: SoakSystem) => void): Fault {
  return (system) => {
    const victim = system.victim()
    if (victim) act(victim, system)
  }
}

function acts(act: string): Fault {
  return (system, traffic) => traffic.send(system.pick(victims), { act, seconds: 0.2 })
}

function toConnection(of: ProxyFault['of']): Fault {
  return toProcess(({ proxy }, system) => {
    const act = system.pick(['hold', 'reset', 'cut', 'halfClose', 'kill'] as const)
    void proxy?.arm({ of, act, afterBytes: system.upTo(1_000) })
    system.after(1_500, () => proxy?.release())
  })
}
