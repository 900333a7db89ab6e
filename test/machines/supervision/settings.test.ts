import { describe, expect, it } from 'vitest'
import { createActor } from 'xstate'
import { isAxonError } from '../../../src/errors.ts'
import {
  type ChildSpec,
  createSupervisor,
  type SupervisorOptions,
  supervisorMachine,
} from '../../../src/machines/supervision/index.ts'
import { childSettingsOf, settingsOf } from '../../../src/machines/supervision/settings.ts'
import { worker } from './rig.ts'

const logic = worker()
const spec: ChildSpec = { id: 'a', logic }

function reasonOf(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    if (isAxonError(error) && error.code === 'SUPERVISOR_SPEC_INVALID') return error.context.reason
    throw error
  }
  return 'valid'
}

describe('the defaults', () => {
  it('are those of OTP', () => {
    expect(settingsOf({})).toMatchObject({
      strategy: 'one_for_one',
      intensity: 1,
      periodMs: 5000,
      autoShutdown: 'never',
      children: [],
      backoff: undefined,
      coolDownMs: undefined,
    })
    expect(childSettingsOf(spec, 'never')).toMatchObject({
      restart: 'permanent',
      shutdown: 5000,
      significant: false,
      type: 'worker',
    })
    expect(childSettingsOf({ ...spec, type: 'supervisor' } as ChildSpec, 'never')).toMatchObject({
      shutdown: 'infinity',
    })
  })

  it('of a child that is a supervisor are those of one, also after provide()', () => {
    const own = {
      type: 'supervisor',
      shutdown: 'infinity',
      ready: expect.any(Function),
      startMs: Number.POSITIVE_INFINITY,
    }
    expect(childSettingsOf({ logic: supervisorMachine }, 'never', false)).toMatchObject(own)
    expect(childSettingsOf({ logic: supervisorMachine.provide({}) }, 'never', false)).toMatchObject(own)
  })

  it('of a backoff are those of a replica, and a ready child has five seconds', () => {
    expect(settingsOf({ backoff: {} }).backoff).toEqual({ firstMs: 0, baseMs: 500, maxMs: 60_000, stableMs: 60_000 })
    expect(childSettingsOf({ logic, ready: () => true }, 'never', false).startMs).toBe(5000)
  })
})

describe('options', () => {
  it.each<[string, unknown]>([
    ['invalid_strategy', { strategy: 'all' }],
    ['invalid_intensity', { intensity: -1 }],
    ['invalid_intensity', { intensity: 1.5 }],
    ['invalid_period', { periodMs: 0 }],
    ['invalid_period', { periodMs: Number.NaN }],
    ['invalid_auto_shutdown', { autoShutdown: 'always' }],
    ['invalid_max_children', { strategy: 'simple_one_for_one', maxChildren: -1 }],
    ['invalid_cool_down', { coolDownMs: -1 }],
    ['invalid_backoff', { backoff: { baseMs: '1' } }],
    ['invalid_children', { children: {} }],
    ['invalid_type', null],
    ['duplicate_child_name', { children: [spec, spec] }],
    ['missing_id', { children: [{ logic }] }],
    ['bad_combination', { strategy: 'simple_one_for_one', children: [spec] }],
    ['bad_combination', { strategy: 'simple_one_for_one', autoShutdown: 'any_significant' }],
    ['bad_combination', { child: { logic } }],
    ['bad_combination', { maxChildren: 1 }],
    ['valid', { strategy: 'simple_one_for_one', child: { logic }, maxChildren: 0 }],
    ['valid', { intensity: 0, unknown: true, children: [{ ...spec, unknown: true }] }],
  ])('are %s: %j', (reason, options) => {
    expect(reasonOf(() => settingsOf(options as SupervisorOptions))).toBe(reason)
  })
})

describe('a specification', () => {
  it.each<[string, unknown]>([
    ['invalid_child_spec', 'a'],
    ['invalid_child_spec', null],
    ['missing_id', { logic }],
    ['missing_logic', { id: 'a' }],
    ['invalid_id', { id: '', logic }],
    ['invalid_id', { id: 1, logic }],
    ['invalid_logic', { id: 'a', logic: () => {} }],
    ['invalid_restart', { ...spec, restart: 'always' }],
    ['invalid_shutdown', { ...spec, shutdown: -1 }],
    ['invalid_shutdown', { ...spec, shutdown: 'now' }],
    ['invalid_significant', { ...spec, significant: 1 }],
    ['invalid_type', { ...spec, type: 'boss' }],
    ['invalid_ready', { ...spec, ready: true }],
    ['invalid_start_ms', { ...spec, startMs: -1 }],
    ['invalid_system_id', { ...spec, systemId: 1 }],
  ])('is %s: %j', (reason, given) => {
    expect(reasonOf(() => childSettingsOf(given as ChildSpec, 'never'))).toBe(reason)
  })

  const restarts = ['permanent', 'transient', 'temporary'] as const
  const modes = ['never', 'any_significant', 'all_significant'] as const
  it.each(restarts.flatMap((restart) => modes.map((mode) => [restart, mode] as const)))(
    'that is significant and %s is valid under %s only where its end can end the supervisor',
    (restart, mode) => {
      const isValid = restart !== 'permanent' && mode !== 'never'
      expect(reasonOf(() => childSettingsOf({ ...spec, restart, significant: true } as ChildSpec, mode))).toBe(
        isValid ? 'valid' : 'bad_combination',
      )
    },
  )
})

it('createSupervisor throws for options that are invalid; an actor of supervisorMachine is in error with them', () => {
  const options = { intensity: -1 }
  expect(reasonOf(() => createSupervisor(options))).toBe('invalid_intensity')
  const actor = createActor(supervisorMachine, { input: options })
  expect(actor.getSnapshot()).toMatchObject({ status: 'error', error: { code: 'SUPERVISOR_SPEC_INVALID' } })
})
