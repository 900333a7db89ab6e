import { describe, expect, it } from 'vitest'
import { setup } from 'xstate'
import type { SupervisorOptions } from '../../../src/machines/supervision/index.ts'
import { fragile, SupervisorRig, three, worker } from './rig.ts'

describe('a backoff', () => {
  const backoff = { firstMs: 100, baseMs: 400, maxMs: 1000, stableMs: 5000 }

  it('waits longer each time up to its limit, and begins anew after a stable time', async () => {
    const rig = await new SupervisorRig({ intensity: 100, backoff, children: three() }).start()
    const delays: number[] = []
    rig.supervisor.actor.on('child.restarting', ({ delayMs }) => delays.push(delayMs))
    for (let crash = 0; crash < 5; crash += 1) {
      rig.crash('a')
      expect(rig.states[0]).toBe('a restarting')
      rig.clock.advance(1000)
    }
    rig.clock.advance(5000)
    rig.crash('a')
    expect(delays).toEqual([100, 400, 800, 1000, 1000, 100])
  })

  it('has equal jitter: without luck half of the delay is left', async () => {
    const rig = await new SupervisorRig({ backoff, intensity: 9, random: () => 0, children: three() }).start()
    rig.crash('a')
    rig.clock.advance(100)
    rig.crash('a')
    rig.clock.advance(199)
    expect(rig.states[0]).toBe('a restarting')
    rig.clock.advance(1)
    expect(rig.states[0]).toBe('a running')
  })

  it('ends the siblings that the strategy names at once, and starts them with the child', async () => {
    const rig = await new SupervisorRig({ strategy: 'rest_for_one', backoff, children: three() }).start()
    rig.crash('b')
    expect(rig.states).toEqual(['a running', 'b restarting', 'c stopped'])
    rig.clock.advance(100)
    expect(rig.states).toEqual(['a running', 'b running', 'c running'])
  })

  it('is no time of deafness: stop, terminate and queries are served', async () => {
    const rig = await new SupervisorRig({ backoff, intensity: 9, children: three() }).start()
    rig.crash('a')
    rig.crash('b')
    await rig.supervisor.terminateChild('a')
    expect(rig.states).toEqual(['a stopped', 'b restarting', 'c running'])
    await rig.supervisor.stop()
    expect(rig.clock.pending).toBe(0)
  })
})

describe('a cool-down', () => {
  const options = (): SupervisorOptions => ({ intensity: 1, periodMs: 1000, coolDownMs: 10_000, children: three() })
  const exceed = (rig: SupervisorRig) => {
    rig.crash('a')
    rig.crash('a')
  }

  it('ends all children instead of the supervisor, and starts them when it is over', async () => {
    const rig = await new SupervisorRig(options()).start()
    exceed(rig)
    expect(rig.supervisor.actor.getSnapshot().value).toBe('cooling')
    expect(rig.states).toEqual(['a restarting', 'b restarting', 'c restarting'])
    rig.clock.advance(10_000)
    expect(rig.supervisor.actor.getSnapshot().value).toBe('running')
    expect(rig.states).toEqual(['a running', 'b running', 'c running'])
  })

  it('leaves those alone that did not run', async () => {
    const rig = await new SupervisorRig(options()).start()
    await rig.supervisor.terminateChild('c')
    exceed(rig)
    await rig.supervisor.terminateChild('b')
    rig.clock.advance(10_000)
    expect(rig.states).toEqual(['a running', 'b stopped', 'c stopped'])
  })

  it('begins again with one crash soon after, and not with one that comes later', async () => {
    const rig = await new SupervisorRig(options()).start()
    exceed(rig)
    rig.clock.advance(10_500)
    rig.crash('b')
    expect(rig.supervisor.actor.getSnapshot().value).toBe('cooling')
    rig.clock.advance(11_001)
    rig.crash('b')
    expect(rig.supervisor.actor.getSnapshot().value).toBe('running')
  })

  it('gives the whole intensity again, whatever is changed after it', async () => {
    const rig = await new SupervisorRig(options()).start()
    exceed(rig)
    rig.clock.advance(12_000)
    await rig.supervisor.change({ ...options(), periodMs: 60_000, coolDownMs: undefined })
    rig.crash('a')
    expect(rig.states[0]).toBe('a running')
  })

  it('begins again where a child does not start', async () => {
    const { logic, spoiled } = fragile()
    const rig = await new SupervisorRig({ ...options(), children: [...three(), { id: 'd', logic }] }).start()
    exceed(rig)
    spoiled.starts = 1
    rig.clock.advance(10_000)
    expect(rig.supervisor.actor.getSnapshot().value).toBe('cooling')
    expect(rig.states[0]).toBe('a restarting')
    rig.clock.advance(10_000)
    expect(rig.states).toEqual(['a running', 'b running', 'c running', 'd running'])
  })

  it('refuses starts with the time to try again, and is ended by stop', async () => {
    const rig = await new SupervisorRig(options()).start()
    exceed(rig)
    rig.clock.advance(4000)
    const start = rig.supervisor.startChild({ id: 'd', logic: worker() })
    await expect(start).rejects.toMatchObject({ code: 'SUPERVISOR_COOLING', context: { retryAfterMs: 6000 } })
    await rig.supervisor.stop()
    expect([await rig.supervisor.exited, rig.clock.pending]).toEqual(['shutdown', 0])
  })

  it('keeps dynamic children, but not temporary ones', async () => {
    const rig = await new SupervisorRig({ ...options(), children: [], strategy: 'simple_one_for_one' }).start()
    for (const id of ['a', 'b']) await rig.supervisor.startChild({ id, logic: worker() })
    await rig.supervisor.startChild({ id: 't', logic: worker(), restart: 'temporary' })
    exceed(rig)
    expect(rig.states).toEqual(['a restarting', 'b restarting'])
    rig.clock.advance(10_000)
    expect(rig.states).toEqual(['a running', 'b running'])
  })
})

describe('a crash that no restart can mend', () => {
  const hopeless = new Error('no such module')
  const isRestartable = (reason: unknown) => reason !== hopeless

  it('leaves the child failed, its siblings untouched and the window as it was', async () => {
    const rig = await new SupervisorRig({
      strategy: 'one_for_all',
      intensity: 0,
      isRestartable,
      children: three(),
    }).start()
    const sibling = rig.ref('a')
    rig.crash('b', hopeless)
    expect(rig.states).toEqual(['a running', 'b failed', 'c running'])
    expect(rig.ref('a')).toBe(sibling)
    expect(rig.told()).toEqual(['child.exited b', 'child.failed b'])
    expect(rig.supervisor.getChild('b')).toMatchObject({ ref: undefined, exitReason: hopeless })
  })

  it('can be left by hand, and is not by the restart of a sibling', async () => {
    const rig = await new SupervisorRig({ strategy: 'one_for_all', isRestartable, children: three() }).start()
    rig.crash('b', hopeless)
    rig.crash('a')
    expect(rig.states).toEqual(['a running', 'b failed', 'c running'])
    await rig.supervisor.restartChild('b')
    expect(rig.states).toEqual(['a running', 'b running', 'c running'])
  })

  it('in a restart ends the tries of that child, and the others go on', async () => {
    let isSpoiled = false
    const spoil = setup({}).createMachine({
      entry: () => {
        if (isSpoiled) throw hopeless
      },
    })
    const children = [
      { id: 'a', logic: spoil },
      { id: 'b', logic: worker() },
    ]
    const rig = await new SupervisorRig({ strategy: 'one_for_all', isRestartable, children }).start()
    isSpoiled = true
    rig.crash('b')
    expect(rig.states).toEqual(['a failed', 'b running'])
  })

  it('is judged by the application; where its judgement throws the child is restarted', async () => {
    const judge = () => {
      throw new Error('typo')
    }
    const rig = await new SupervisorRig({ isRestartable: judge, children: three() }).start()
    rig.crash('a')
    expect(rig.states[0]).toBe('a running')
  })
})
