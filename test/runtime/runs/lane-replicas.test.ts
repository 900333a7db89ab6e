import { afterEach, describe, expect, it, vi } from 'vitest'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { type FakeProcess, RunRig, response, settle } from './rig.ts'

const lost = () => new ConnectionLost('socket hang up', { isWritten: true })
const quiet = (run: Promise<unknown>) => run.catch((error) => error)

afterEach(() => {
  vi.restoreAllMocks()
})

/** A process dies with all that it said read. */
function die(rig: RunRig, process: FakeProcess): void {
  for (const held of rig.calls) if (held.call.generation === process.link.generation) held.fail(lost())
  process.exit()
  process.bury()
}

describe('several replicas', () => {
  it('have concurrency each, and share what comes', async () => {
    const rig = new RunRig({ concurrency: 2 })
    rig.ready(1, 0)
    rig.ready(1, 1)
    const runs = ['a', 'b', 'c', 'd', 'e'].map((id) => rig.run(id))
    expect(rig.load).toEqual({ inFlight: 4, queued: 1 })
    expect(rig.dispatcher.load('writer').byReplica).toEqual(
      new Map([
        ['writer/0', 2],
        ['writer/1', 2],
      ]),
    )
    for (let at = 0; at < 5; at += 1) {
      rig.call(at).succeed()
      await settle()
    }
    expect(await Promise.all(runs)).toHaveLength(5)
  })

  it('that become ready take what waits', async () => {
    const rig = new RunRig({ concurrency: 1 })
    const runs = ['a', 'b'].map((id) => rig.run(id))
    rig.ready(1, 1)
    rig.ready(1, 0)
    expect(rig.routed).toEqual(['a writer/1#1', 'b writer/0#1'])
    for (const call of rig.calls) call.succeed()
    await Promise.all(runs)
  })

  it('keep runs of one key together, until the replica goes', async () => {
    const rig = new RunRig()
    rig.ready(1, 0)
    rig.ready(1, 1)
    const ask = (run: string) => quiet(rig.run(run, { affinity: 'user-1' }))
    for (const run of ['a', 'b', 'c', 'd']) void ask(run)
    const [home = ''] = new Set(rig.calls.map(({ call }) => call.generation))
    expect(rig.routed).toEqual(['a', 'b', 'c', 'd'].map((run) => `${run} ${home}`))
    rig.hear('agent.draining', home)
    void ask('e')
    expect(rig.routed.at(-1)).toBe(`e ${home === 'writer/0#1' ? 'writer/1#1' : 'writer/0#1'}`)
    rig.dispatcher.close()
  })
})

describe('who is refused', () => {
  it.each(['backoff', 'failed'] as const)(
    'nobody while another replica is ready: one in %s takes no runs',
    async (how) => {
      const rig = new RunRig({ concurrency: 1 })
      rig.ready(1, 0)
      const first = rig.run('a')
      const waiting = rig.run('b')
      rig.crash('writer/1#1', how)
      const run = rig.run('c')
      for (let at = 0; at < 3; at += 1) {
        rig.call(at).succeed()
        await settle()
      }
      expect(await Promise.all([first, waiting, run])).toEqual([response, response, response])
      expect(new Set(rig.calls.map(({ call }) => call.generation))).toEqual(new Set(['writer/0#1']))
    },
  )

  it.each(['agent.provisioning', 'agent.suspect', 'agent.draining', 'agent.stopping'] as const)(
    'nobody while another replica is coming: from %s on runs wait for it',
    async (fact) => {
      const rig = new RunRig()
      rig.crash('writer/0#1', 'failed')
      rig.hear(fact, 'writer/1#1')
      const run = rig.run('a')
      expect(rig.load.queued).toBe(1)
      rig.ready(2, 1)
      rig.call().succeed()
      expect(await run).toBe(response)
    },
  )

  it('what waits and what comes, when the last that could take it is down', async () => {
    const rig = new RunRig({ concurrency: 1 })
    rig.crash('writer/0#1', 'failed')
    const other = rig.ready(1, 1)
    const [inFlight, waiting] = [quiet(rig.run('a')), quiet(rig.run('b'))]
    rig.hear('agent.suspect', 'writer/1#1')
    expect(rig.load).toEqual({ inFlight: 1, queued: 1 })
    rig.crash('writer/1#1', 'backoff')
    expect(await waiting).toMatchObject({ code: 'AGENT_FAILED' })
    await expect(rig.run('c')).rejects.toMatchObject({ code: 'AGENT_FAILED' })
    other.receipt('a')
    die(rig, other)
    expect(await inFlight).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  })

  it('nobody any more once one is ready again', async () => {
    const rig = new RunRig()
    vi.spyOn(performance, 'now').mockReturnValue(1_000)
    for (const replica of [0, 1]) rig.crash(`writer/${replica}#1`, 'backoff')
    await expect(rig.run('a')).rejects.toMatchObject({ code: 'AGENT_BACKOFF', context: { retryAfterMs: 1_000 } })
    rig.ready(2, 1)
    const run = rig.run('b')
    rig.call().succeed()
    expect(await run).toBe(response)
  })

  it('nobody where a replica rests: it is woken, though another has failed', async () => {
    const rig = new RunRig()
    rig.ready(1, 0)
    rig.hear('agent.idle', 'writer/0#1')
    rig.crash('writer/1#1', 'failed')
    const run = rig.run('a')
    expect(rig.asked).toEqual(['agent.start'])
    rig.ready(2, 0)
    rig.call().succeed()
    expect(await run).toBe(response)
  })

  it('nobody for the sake of a replica that is gone', async () => {
    const rig = new RunRig()
    rig.crash('writer/1#1', 'failed')
    rig.dispatcher.hear({ type: 'replica.removed', agent: 'writer', replica: 'writer/1' })
    const run = quiet(rig.run('a'))
    expect(rig.asked).toEqual(['agent.start'])
    rig.dispatcher.close()
    await run
  })
})

describe('a replica that dies', () => {
  it('gives what it had not begun to the other, at once and before what waits', async () => {
    const rig = new RunRig({ concurrency: 2 })
    const [one] = [rig.ready(1, 0), rig.ready(1, 1)]
    const runs = ['a', 'b', 'c', 'd', 'e'].map((id) => rig.run(id))
    const lostRuns = rig.calls.filter(({ call }) => call.generation === 'writer/0#1').map(({ run }) => run)
    rig.hear('agent.provisioning', 'writer/0#2')
    die(rig, one)
    await settle()
    const others = rig.calls.filter(({ call }) => call.generation === 'writer/1#1')
    for (const call of others) call.succeed()
    await settle()
    expect(rig.routed.slice(4, 6)).toEqual(lostRuns.map((run) => `${run} writer/1#1`))
    for (let at = 4; at < 7; at += 1) {
      rig.call(at).succeed()
      await settle()
    }
    expect(await Promise.all(runs)).toHaveLength(5)
    expect(rig.told('run.requeued').map(({ run }) => run)).toEqual(lostRuns)
  })

  it('interrupts what it had begun, which is sent nowhere else', async () => {
    const rig = new RunRig()
    const processes = [rig.ready(1, 0), rig.ready(1, 1)]
    const run = quiet(rig.run('a'))
    const process = processes.find(({ link }) => link.generation === rig.call().call.generation) as FakeProcess
    process.receipt('a')
    die(rig, process)
    expect(await run).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
    expect(rig.calls).toHaveLength(1)
  })
})

it('a process that has left its control connection gets no runs, though the machine has not said so yet', async () => {
  const rig = new RunRig()
  const processes = [rig.ready(1, 0), rig.ready(1, 1)]
  processes[0]?.leave()
  const runs = ['a', 'b', 'c'].map((id) => rig.run(id))
  expect(rig.routed).toEqual(['a writer/1#1', 'b writer/1#1', 'c writer/1#1'])
  for (const call of rig.calls) call.succeed()
  await Promise.all(runs)
})

describe('a process that is suspect and recovers', () => {
  it('has the receipts of the runs that it had: what it began before it died is not sent again', async () => {
    const rig = new RunRig()
    const process = rig.ready()
    const run = quiet(rig.run('a'))
    rig.hear('agent.suspect')
    rig.tellReady('writer/0#1')
    process.receipt('a')
    die(rig, process)
    expect(await run).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
    rig.ready(2)
    expect(rig.sent).toEqual(['a'])
  })

  it('has no more runs at once than before', async () => {
    const rig = new RunRig({ concurrency: 2 })
    rig.ready()
    const runs = ['a', 'b', 'c'].map((id) => rig.run(id))
    rig.hear('agent.suspect')
    rig.tellReady('writer/0#1')
    expect(rig.load).toEqual({ inFlight: 2, queued: 1 })
    for (let at = 0; at < 3; at += 1) {
      rig.call(at).succeed()
      await settle()
    }
    await Promise.all(runs)
  })
})
