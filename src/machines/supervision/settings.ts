/**
 * Owns what is valid of a supervisor's options and specifications, and their defaults. What they mean stands in spec.ts.
 * Unknown keys are accepted and ignored, as in OTP.
 */
import type { AnyActorLogic, AnyMachineSnapshot } from 'xstate'
import type { ExitReason } from './exit.ts'
import { invalidSpec } from './refusal.ts'
import type { AutoShutdown, ChildSpec, ChildType, RestartType, Strategy, SupervisorOptions } from './spec.ts'

/** A specification with its defaults. `id` is undefined where it was left out, as in a template. */
export interface ChildSettings {
  isTemplate: boolean
  id: string | undefined
  logic: AnyActorLogic
  input: unknown
  systemId: string | undefined
  restart: RestartType
  shutdown: number | 'brutal' | 'infinity'
  significant: boolean
  type: ChildType
  ready: ((snapshot: AnyMachineSnapshot) => boolean) | undefined
  startMs: number
}

export interface BackoffSettings {
  firstMs: number
  baseMs: number
  maxMs: number
  stableMs: number
}

export interface Settings {
  strategy: Strategy
  intensity: number
  periodMs: number
  autoShutdown: AutoShutdown
  children: ChildSettings[]
  template: ChildSettings | undefined
  maxChildren: number
  backoff: BackoffSettings | undefined
  coolDownMs: number | undefined
  isRestartable: (reason: ExitReason) => boolean
  now: (() => number) | undefined
  random: () => number
}

/** The configurations of machines that are supervisors themselves, with how they are seen to be ready. */
const supervisors = new WeakMap<object, (snapshot: AnyMachineSnapshot) => boolean>()

/** Makes the logic, and what `provide()` makes of it, count as a supervisor's. */
export function registerSupervisor(logic: { config: object }, ready: (snapshot: AnyMachineSnapshot) => boolean): void {
  supervisors.set(logic.config, ready)
}

/** @throws AxonError `SUPERVISOR_SPEC_INVALID`, with the reason in its context */
export function settingsOf(options: SupervisorOptions): Settings {
  if (typeof options !== 'object' || options === null) {
    throw invalidSpec('invalid_type', 'The options of a supervisor are an object.')
  }
  const { strategy = 'one_for_one', intensity = 1, periodMs = 5000, autoShutdown = 'never' } = options
  const { children = [], child, maxChildren = Number.POSITIVE_INFINITY, coolDownMs, backoff } = options
  check('strategy', strategy, strategies.includes(strategy), strategies.join(', '))
  check('intensity', intensity, isCount(intensity), 'a whole number, 0 or more')
  check('period', periodMs, isDuration(periodMs) && periodMs > 0, 'milliseconds above 0')
  check('auto_shutdown', autoShutdown, autoShutdowns.includes(autoShutdown), autoShutdowns.join(', '))
  check('max_children', maxChildren, isCount(maxChildren) || maxChildren === Number.POSITIVE_INFINITY, 'a whole number')
  check('cool_down', coolDownMs, coolDownMs === undefined || isDuration(coolDownMs), 'milliseconds')
  check('children', children, Array.isArray(children), 'a list of specifications')
  const isDynamic = strategy === 'simple_one_for_one'
  if (isDynamic && children.length > 0) {
    throw badCombination('simple_one_for_one begins without children: give `child`, and use startChild.')
  }
  if (!isDynamic && (child !== undefined || options.maxChildren !== undefined)) {
    throw badCombination('`child` and `maxChildren` are for simple_one_for_one only.')
  }
  if (isDynamic && autoShutdown !== 'never') {
    throw badCombination('simple_one_for_one cannot end with its significant children: autoShutdown is never.')
  }
  return {
    strategy,
    intensity,
    periodMs,
    autoShutdown,
    children: childrenOf(children, autoShutdown),
    template: child === undefined ? undefined : { ...childSettingsOf(child, autoShutdown, false), isTemplate: true },
    maxChildren,
    backoff: backoff === undefined ? undefined : backoffOf(backoff),
    coolDownMs,
    isRestartable: options.isRestartable ?? (() => true),
    now: options.now,
    random: options.random ?? Math.random,
  }
}

/** @throws AxonError `SUPERVISOR_SPEC_INVALID`, with the reason in its context */
export function childSettingsOf(
  spec: Omit<ChildSpec, 'id'>,
  autoShutdown: AutoShutdown,
  needsId = true,
): ChildSettings {
  if (typeof spec !== 'object' || spec === null) {
    throw invalidSpec('invalid_child_spec', 'The specification of a child is an object.')
  }
  const { id } = spec as Partial<ChildSpec>
  const { logic, restart = 'permanent', significant = false } = spec
  if (id === undefined && needsId) throw invalidSpec('missing_id', 'A specification lacks its `id`.')
  check('id', id, id === undefined || (typeof id === 'string' && id !== ''), 'a text', id)
  const ofSupervisor = supervisorReady(logic)
  const type = spec.type ?? (ofSupervisor === undefined ? 'worker' : 'supervisor')
  const shutdown = spec.shutdown ?? (type === 'worker' ? 5000 : 'infinity')
  const ready = spec.ready ?? ofSupervisor
  const startMs = spec.startMs ?? (spec.ready === undefined ? Number.POSITIVE_INFINITY : 5000)
  if (logic === undefined) throw invalidSpec('missing_logic', `Child ${id} lacks its \`logic\`.`, { child: id })
  check('logic', typeof logic, isLogic(logic), 'the logic of an actor', id)
  check('system_id', spec.systemId, ['string', 'undefined'].includes(typeof spec.systemId), 'a text', id)
  check('restart', restart, restarts.includes(restart), restarts.join(', '), id)
  check(
    'shutdown',
    shutdown,
    isDuration(shutdown) || shutdown === 'brutal' || shutdown === 'infinity',
    "milliseconds, 'brutal' or 'infinity'",
    id,
  )
  check('significant', significant, typeof significant === 'boolean', 'true or false', id)
  check('type', type, types.includes(type), types.join(', '), id)
  check('ready', typeof ready, ready === undefined || typeof ready === 'function', 'a function of the snapshot', id)
  check('start_ms', startMs, isDuration(startMs) || startMs === Number.POSITIVE_INFINITY, 'milliseconds', id)
  if (significant && restart === 'permanent') throw badCombination('A permanent child is never significant.', id)
  if (significant && autoShutdown === 'never') {
    throw badCombination('A significant child is of use only with autoShutdown any_significant or all_significant.', id)
  }
  const { input, systemId } = spec
  return { isTemplate: false, id, logic, input, systemId, restart, shutdown, significant, type, ready, startMs }
}

const strategies: readonly unknown[] = ['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one']
const autoShutdowns: readonly unknown[] = ['never', 'any_significant', 'all_significant']
const restarts: readonly unknown[] = ['permanent', 'transient', 'temporary']
const types: readonly unknown[] = ['worker', 'supervisor']

function childrenOf(specs: readonly ChildSpec[], autoShutdown: AutoShutdown): ChildSettings[] {
  const seen = new Set<string>()
  return specs.map((spec) => {
    const settings = childSettingsOf(spec, autoShutdown)
    const id = settings.id as string
    if (seen.has(id)) throw invalidSpec('duplicate_child_name', `Two children have the id ${id}.`, { child: id })
    seen.add(id)
    return settings
  })
}

function backoffOf(backoff: NonNullable<SupervisorOptions['backoff']>): BackoffSettings {
  const { firstMs = 0, baseMs = 500, maxMs = 60_000, stableMs = 60_000 } = backoff
  const settings = { firstMs, baseMs, maxMs, stableMs }
  for (const [name, value] of Object.entries(settings))
    check('backoff', value, isDuration(value), `${name} in milliseconds`)
  return settings
}

function supervisorReady(logic: unknown): ((snapshot: AnyMachineSnapshot) => boolean) | undefined {
  const config = (logic as { config?: object } | undefined)?.config
  return typeof config === 'object' && config !== null ? supervisors.get(config) : undefined
}

function isLogic(logic: unknown): boolean {
  return typeof logic === 'object' && logic !== null && typeof (logic as AnyActorLogic).transition === 'function'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isDuration(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) >= 0
}

function check(field: string, value: unknown, isValid: boolean, wanted: string, child?: string): void {
  if (isValid) return
  const where = child === undefined ? 'the supervisor' : `child ${child}`
  throw invalidSpec(`invalid_${field}`, `The ${field} of ${where} is ${String(value)}; it must be ${wanted}.`, {
    ...(child === undefined ? {} : { child }),
    value,
  })
}

function badCombination(message: string, child?: string): Error {
  return invalidSpec('bad_combination', message, child === undefined ? {} : { child })
}
