/**
 * Owns what the property test plays: any options of a supervisor, the starts that are spoiled at first, and a sequence of
 * commands. The times are primes, so that hardly two things are due in the same moment.
 */
import fc from 'fast-check'
import type { Command, Options, Reason, Spec } from './commands.ts'

const ids = ['a', 'b', 'c', 'd', 'e'] as const
const anySpec = fc.record({
  id: fc.constantFrom(...ids),
  restart: fc.constantFrom('permanent' as const, 'transient' as const, 'temporary' as const),
  significant: fc.constantFrom(true, true, false),
  shutdown: fc.constantFrom(701, 1303, 'brutal' as const),
  asked: fc.constantFrom('ends' as const, 'ends' as const, 'stays' as const, 'cannot' as const),
  readyMs: fc.constantFrom(undefined, undefined, undefined, 307, 1009),
})
const fitting = (spec: Spec, { autoShutdown }: { autoShutdown: string }): Spec => ({
  ...spec,
  significant: spec.significant && spec.restart !== 'permanent' && autoShutdown !== 'never',
})
const anyOptions = fc
  .record({
    strategy: fc.constantFrom(...(['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'] as const)),
    intensity: fc.constantFrom(0, 1, 1, 2, 3, 5),
    periodMs: fc.constantFrom(1000, 5000),
    autoShutdown: fc.constantFrom(
      'never' as const,
      'never' as const,
      'any_significant' as const,
      'all_significant' as const,
      'all_significant' as const,
    ),
    maxChildren: fc.constantFrom(undefined, undefined, 2),
    backoff: fc.constantFrom(
      undefined,
      undefined,
      { firstMs: 0, baseMs: 431, maxMs: 1201, stableMs: 2003 },
      { firstMs: 113, baseMs: 227, maxMs: 613, stableMs: 2003 },
    ),
    coolDownMs: fc.constantFrom(undefined, undefined, 3001),
    children: fc.uniqueArray(anySpec, { maxLength: 4, size: 'max', selector: ({ id }) => id }),
  })
  .map((options): Options => {
    const isSimple = options.strategy === 'simple_one_for_one'
    const autoShutdown = isSimple ? 'never' : options.autoShutdown
    const children = isSimple ? [] : options.children.map((spec) => fitting(spec, { autoShutdown }))
    return { ...options, autoShutdown, children }
  })

const reasons: readonly Reason[] = [
  'normal',
  'shutdown',
  'shutdown info',
  'boom',
  'crash',
  'crash',
  'crash',
  'hopeless',
]
const anySpoiled = fc.constantFrom('fails' as const, 'fails' as const, 'ignores' as const, 'hopeless' as const)
const anyCommand = (first: Options): fc.Arbitrary<Command> =>
  fc.oneof(
    {
      weight: 24,
      arbitrary: fc.record({
        type: fc.constant('exit' as const),
        child: fc.nat(4),
        reason: fc.constantFrom(...reasons),
      }),
    },
    { weight: 15, arbitrary: anySpec.map((spec) => ({ type: 'start' as const, spec: fitting(spec, first) })) },
    {
      weight: 18,
      arbitrary: fc.record({
        type: fc.constantFrom('terminate' as const, 'delete' as const, 'restart' as const),
        id: fc.constantFrom(...ids),
      }),
    },
    {
      weight: 3,
      arbitrary: anyOptions.map((options): Command => {
        const isSimple = first.strategy === 'simple_one_for_one'
        const strategy = isSimple
          ? first.strategy
          : options.strategy === 'simple_one_for_one'
            ? 'one_for_all'
            : options.strategy
        return {
          type: 'change',
          options: { ...options, strategy, ...(isSimple ? { autoShutdown: 'never', children: [] } : {}) },
        }
      }),
    },
    {
      weight: 12,
      arbitrary: fc.record({
        type: fc.constant('spoil' as const),
        id: fc.constantFrom(...ids),
        how: anySpoiled,
        times: fc.integer({ min: 1, max: 4 }),
      }),
    },
    { weight: 18, arbitrary: fc.constantFrom(0, 50, 500, 1500, 5000).map((ms) => ({ type: 'tick' as const, ms })) },
    { weight: 1, arbitrary: fc.constant({ type: 'stop' as const }) },
  )

export const anyPlay = anyOptions.chain((options) =>
  fc.tuple(
    fc.constant(options),
    fc.array(fc.tuple(fc.constantFrom(...ids), anySpoiled), { maxLength: 1 }),
    fc.array(anyCommand(options), { minLength: 1, maxLength: 30, size: 'max' }),
  ),
)
