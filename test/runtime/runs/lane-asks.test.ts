import { afterEach, describe, expect, it, vi } from 'vitest'
import { RunRig, settle } from './rig.ts'

const quiet = (run: Promise<unknown>) => run.catch((error) => error)

afterEach(() => {
  vi.restoreAllMocks()
})

describe('recycle.afterRuns', () => {
  const recycled = (rig: RunRig) =>
    rig.commands.flatMap((command) => (command.type === 'replica.recycle' ? [command.generation] : []))

  it('asks for another process at the last run that one is to have, and again after as many where nothing came of it', async () => {
    const rig = new RunRig({ recycle: { afterRuns: 3 } })
    rig.ready()
    const seen: number[] = []
    for (let run = 1; run <= 7; run += 1) {
      const answer = rig.run(`run-${run}`)
      rig.call().succeed()
      await answer
      seen.push(recycled(rig).length)
    }
    expect(seen).toEqual([0, 0, 1, 1, 1, 2, 2])
  })

  it('counts for each process, through suspicion, and anew for the next', async () => {
    const rig = new RunRig({ recycle: { afterRuns: 2 } })
    rig.ready()
    void quiet(rig.run('a'))
    rig.hear('agent.suspect')
    rig.tellReady('writer/0#1')
    void quiet(rig.run('b'))
    expect(recycled(rig)).toEqual(['writer/0#1'])
    rig.hear('agent.provisioning', 'writer/0#2')
    rig.ready(2)
    void quiet(rig.run('c'))
    expect(recycled(rig)).toEqual(['writer/0#1'])
    void quiet(rig.run('d'))
    expect(recycled(rig)).toEqual(['writer/0#1', 'writer/0#2'])
    rig.dispatcher.close()
    await settle()
  })
})

describe('retryAfterMs of a full queue', () => {
  /** Rejected while so many wait, after runs that took `ms` each. */
  async function rejectedAfter(ms: number, queue: number, replicas: number): Promise<unknown> {
    const rig = new RunRig({ concurrency: 2, queue })
    for (let replica = 0; replica < replicas; replica += 1) rig.ready(1, replica)
    const now = vi.spyOn(performance, 'now').mockReturnValue(1_000)
    const first = rig.run('first')
    now.mockReturnValue(1_000 + ms)
    rig.call().succeed()
    await first
    await settle()
    const runs = Array.from({ length: replicas * 2 + queue }, () => quiet(rig.run()))
    const error = await quiet(rig.run('rejected'))
    rig.dispatcher.close()
    await Promise.all(runs)
    return (error as { context: { retryAfterMs: number } }).context.retryAfterMs
  }

  it('is about when what waits will have been begun: runs that wait, times what one takes, by the places', async () => {
    expect(await rejectedAfter(800, 4, 1)).toBe(2_000)
    expect(await rejectedAfter(800, 4, 2)).toBe(1_000)
    expect(await rejectedAfter(400, 9, 2)).toBe(1_000)
  })

  it('is at least 100 ms and at most a minute', async () => {
    expect(await rejectedAfter(1, 1, 1)).toBe(100)
    expect(await rejectedAfter(600_000, 10, 1)).toBe(60_000)
  })

  it('is a second where nothing is known yet', async () => {
    const rig = new RunRig({ queue: 0 })
    expect(await quiet(rig.run('a'))).toMatchObject({ code: 'RUN_REJECTED', context: { retryAfterMs: 1_000 } })
  })
})

describe('what the lane asks for', () => {
  const range = { replicas: { min: 0, max: 4 }, scaling: { target: 2, upDelayMs: 100, downDelayMs: 1_000 } }

  it('more replicas for runs that came before the first was ready, though no run comes or ends after that', async () => {
    const rig = new RunRig({ ...range, concurrency: 2 })
    const runs = Array.from({ length: 6 }, () => quiet(rig.run()))
    rig.ready()
    rig.clock.advance(100)
    expect(rig.commands.at(-1)).toEqual({ type: 'agent.scale', agent: 'writer', replicas: 3, why: 'load' })
    rig.dispatcher.close()
    await Promise.all(runs)
  })

  it('no more than the load calls for beside those that it was told of before the first run', async () => {
    const rig = new RunRig({ ...range, replicas: { min: 1, max: 4 } })
    rig.dispatcher.hear({ type: 'agent.scaled', agent: 'writer', from: 1, to: 3, why: 'asked' })
    rig.ready()
    const runs = Array.from({ length: 6 }, () => quiet(rig.run()))
    rig.clock.advance(100)
    expect(rig.asked).toEqual([])
    rig.dispatcher.close()
    await Promise.all(runs)
  })

  it('rest, counted again from the end of a replacement: while it lasts nothing is let go', () => {
    const rig = new RunRig({ idleAfterMs: 1_000 })
    rig.ready(1, 1)
    rig.hear('agent.draining', 'writer/0#1')
    rig.clock.advance(1_000)
    expect(rig.asked).toEqual(['agent.quiet'])
    rig.dispatcher.hear({ type: 'replica.removed', agent: 'writer', replica: 'writer/0' })
    rig.clock.advance(1_000)
    expect(rig.asked).toEqual(['agent.quiet', 'agent.quiet'])
  })

  it('nothing any more when the system is closed: no timer is left, and none is made by calls that end late', async () => {
    const rig = new RunRig({ ...range, replicas: { min: 1, max: 4 }, idleAfterMs: 1_000 })
    rig.ready()
    const runs = Array.from({ length: 6 }, () => quiet(rig.run()))
    for (const call of rig.calls) call.isDeaf = true
    rig.dispatcher.close()
    await Promise.all(runs)
    expect(rig.clock.pending).toBe(0)
    for (const call of rig.calls) call.succeed()
    await settle()
    expect(rig.clock.pending).toBe(0)
  })
})
