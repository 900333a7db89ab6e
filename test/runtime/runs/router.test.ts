import { beforeEach, describe, expect, it } from 'vitest'
import { ProcessLink } from '../../../src/runtime/process/link.ts'
import { Route, Router } from '../../../src/runtime/runs/router.ts'
import type { Run } from '../../../src/runtime/runs/run.ts'
import { definitionOf } from '../../machines/samples.ts'

const concurrency = 4
const keys = Array.from({ length: 1_000 }, (_, index) => `user-${index}`)

let dice: number[]
let router: Router

beforeEach(() => {
  dice = []
  router = new Router(() => dice.shift() ?? 0)
})

/** A process that is ready, with so many runs in flight. */
function add(replica: number, inFlight = 0, generation = 1): Route {
  const route = new Route(new ProcessLink(definitionOf('writer'), `writer/${replica}#${generation}`))
  for (let run = 0; run < inFlight; run += 1) route.inFlight.set(`${replica}-${run}`, {} as Run)
  router.add(route)
  return route
}

const choose = (affinity?: string) => router.choose(concurrency, affinity)?.replica

describe('without affinity', () => {
  it('none is chosen where none is ready', () => {
    expect(choose()).toBeUndefined()
  })

  it('the only one is chosen while it has a place, and without a throw of the dice', () => {
    const only = add(0, concurrency - 1)
    dice = [0.9]
    expect(choose()).toBe('writer/0')
    only.inFlight.set('last', {} as Run)
    expect(choose()).toBeUndefined()
    expect(dice).toEqual([0.9])
  })

  it('the less busy of the two that are drawn is chosen, not the least busy of all', () => {
    add(0, 3)
    add(1, 2)
    add(2, 0)
    dice = [0, 0]
    expect(choose()).toBe('writer/1')
    dice = [0.99, 0]
    expect(choose()).toBe('writer/2')
  })

  it('two different ones are drawn, whatever the dice say', () => {
    for (let replica = 0; replica < 3; replica += 1) add(replica)
    for (const first of [0, 0.4, 0.99]) {
      for (const second of [0, 0.5, 0.99]) {
        const drawn = new Set<string>()
        // Either of a pair is the less busy one once.
        for (const busy of [0, 1, 2]) {
          router = new Router(() => dice.shift() ?? 0)
          for (let replica = 0; replica < 3; replica += 1) add(replica, replica === busy ? 1 : 0)
          dice = [first, second]
          drawn.add(choose() as string)
        }
        expect(drawn.size).toBeGreaterThan(1)
      }
    }
  })

  it('where both that are drawn are full, the least busy of the others is', () => {
    add(0, concurrency)
    add(1, concurrency)
    add(2, 3)
    add(3, 1)
    dice = [0, 0]
    expect(choose()).toBe('writer/3')
  })

  it('one that is leaving is chosen neither by draw nor as the last that has a place', () => {
    const leaving = add(0)
    add(1, 3)
    add(2, 3)
    leaving.link.refuseRuns()
    for (const first of [0, 0.4, 0.99]) {
      dice = [first, 0]
      expect(choose()).not.toBe('writer/0')
    }
    router.remove('writer/1')
    router.remove('writer/2')
    expect(choose()).toBeUndefined()
  })

  it('one whose exit was seen is not chosen', () => {
    const gone = add(0)
    add(1, 3)
    void (gone.link as ProcessLink).exit()
    expect(choose()).toBe('writer/1')
  })

  it('none is chosen where all are full', () => {
    for (let replica = 0; replica < 3; replica += 1) add(replica, concurrency)
    expect(choose()).toBeUndefined()
  })

  it('runs that stay are spread: with four processes no one has more than twice the share of another', () => {
    router = new Router(Math.random)
    for (let replica = 0; replica < 4; replica += 1) add(replica)
    for (let run = 0; run < 4_000; run += 1) router.choose(10_000)?.inFlight.set(`run-${run}`, {} as Run)
    const counts = [...router.inFlight.values()]
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThan(20)
  })
})

describe('with affinity', () => {
  const homes = () => new Map(keys.map((key) => [key, choose(key)]))
  const moved = (before: Map<string, string | undefined>, after: Map<string, string | undefined>) =>
    keys.filter((key) => before.get(key) !== after.get(key))

  beforeEach(() => {
    for (let replica = 0; replica < 4; replica += 1) add(replica)
  })

  it('a key goes to one process, and the keys are spread over all', () => {
    const first = homes()
    expect(moved(first, homes())).toEqual([])
    for (let replica = 0; replica < 4; replica += 1) {
      const share = keys.filter((key) => first.get(key) === `writer/${replica}`).length
      expect(share).toBeGreaterThan(150)
      expect(share).toBeLessThan(350)
    }
  })

  it('where a replica goes only its own keys move, and to all the others', () => {
    const before = homes()
    router.remove('writer/2')
    const after = homes()
    const away = moved(before, after)
    expect(away).toEqual(keys.filter((key) => before.get(key) === 'writer/2'))
    expect(new Set(away.map((key) => after.get(key))).size).toBe(3)
  })

  it('where a replica comes only the keys that are its own now move', () => {
    const before = homes()
    add(4)
    const after = homes()
    const away = moved(before, after)
    expect(new Set(away.map((key) => after.get(key)))).toEqual(new Set(['writer/4']))
    expect(away.length).toBeGreaterThan(100)
    expect(away.length).toBeLessThan(300)
  })

  it('the next process of a replica has the keys of the last', () => {
    const before = homes()
    router.remove('writer/1')
    add(1, 0, 2)
    expect(moved(before, homes())).toEqual([])
  })

  it('the order in which they became ready does not matter', () => {
    const before = homes()
    router = new Router(() => 0)
    for (const replica of [2, 0, 3, 1]) add(replica)
    expect(moved(before, homes())).toEqual([])
  })

  it.each(['full', 'leaving'])(
    'the keys of a process that is %s go where they would go without it, and come back',
    (how) => {
      const before = homes()
      router.remove('writer/3')
      const without = homes()
      const other = add(3, how === 'full' ? concurrency : 0)
      if (how === 'leaving') other.link.refuseRuns()
      expect(moved(without, homes())).toEqual([])
      add(3, 0, 2)
      expect(moved(before, homes())).toEqual([])
    },
  )

  it('none is chosen where all are full', () => {
    router = new Router(() => 0)
    for (let replica = 0; replica < 3; replica += 1) add(replica, concurrency)
    expect(choose('user-1')).toBeUndefined()
  })
})

it('a replica has one route: its next process takes the place of the last', () => {
  add(0, 2)
  add(0, 0, 2)
  expect(router.size).toBe(1)
  expect(router.inFlight).toEqual(new Map([['writer/0', 0]]))
})
