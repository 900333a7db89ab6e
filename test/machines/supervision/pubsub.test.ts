import { describe, expect, it } from 'vitest'
import { createActor, createMachine, type InspectionEvent, sendTo } from 'xstate'
import { type PubSub, pubsubLogic, pubsubOf } from '../../../src/machines/supervision/pubsub.ts'
import type { PubSubMessage } from '../../../src/machines/supervision/topic-table.ts'
import { mortal, observersOf } from './mortal.ts'

const topics = (): PubSub => pubsubOf(createActor(pubsubLogic).start())

const received = (pubsub: PubSub, topic: string) => {
  const heard: unknown[] = []
  const unsubscribe = pubsub.subscribe(topic, ({ message }) => void heard.push(message))
  return { heard, unsubscribe }
}

describe('a subscription', () => {
  it('hears every message of its topic, and no other, until it is taken back', () => {
    const pubsub = topics()
    const { heard, unsubscribe } = received(pubsub, 'orders.created')
    pubsub.publish('orders.created', 1)
    pubsub.publish('orders.paid', 2)
    pubsub.publish('orders', 3)
    unsubscribe()
    unsubscribe()
    pubsub.publish('orders.created', 4)
    expect(heard).toEqual([1])
    expect(pubsub.actor.getSnapshot().context).toEqual({ subscriptions: 0 })
  })

  it.each<[string, string[], string[]]>([
    [
      'orders.*',
      ['orders.created', 'orders.paid'],
      ['orders', 'orders.eu.created', 'bills.created', 'orders2.created'],
    ],
    ['*.created', ['orders.created', 'bills.created'], ['created', 'orders.eu.created', 'orders.paid']],
    ['orders.*.created', ['orders.eu.created'], ['orders.created', 'orders.eu.paid', 'orders.eu.de.created']],
    ['orders.**', ['orders', 'orders.created', 'orders.eu.created'], ['bills', 'order']],
    ['*.eu.**', ['orders.eu', 'bills.eu.created.now'], ['eu', 'orders.us.eu']],
    ['**', ['orders', 'orders.eu.created'], []],
    ['*', ['orders'], ['orders.created']],
  ])('to %s takes those that fit and no others', (pattern, fitting, others) => {
    const pubsub = topics()
    const { heard, unsubscribe } = received(pubsub, pattern)
    for (const topic of [...fitting, ...others]) pubsub.publish(topic, topic)
    expect(heard).toEqual(fitting)
    unsubscribe()
    for (const topic of fitting) pubsub.publish(topic, topic)
    expect(heard).toEqual(fitting)
  })

  it('agrees with a plain comparison of segments, for every short topic and pattern', () => {
    const sequences = (letters: readonly string[]) =>
      letters.flatMap((a) => [a, ...letters.flatMap((b) => [`${a}.${b}`, ...letters.map((c) => `${a}.${b}.${c}`)])])
    const fits = (pattern: readonly string[], topic: readonly string[]): boolean => {
      if (pattern[0] === '**') return true
      if (pattern.length === 0 || topic.length === 0) return pattern.length === topic.length
      return (pattern[0] === '*' || pattern[0] === topic[0]) && fits(pattern.slice(1), topic.slice(1))
    }
    const patterns = sequences(['a', 'b', '*', '**']).filter(
      (pattern) => !pattern.split('.').slice(0, -1).includes('**'),
    )
    const pubsub = topics()
    const heard = new Map(patterns.map((pattern) => [pattern, [] as string[]]))
    const ends = patterns.map((pattern) => pubsub.subscribe(pattern, ({ topic }) => heard.get(pattern)?.push(topic)))
    const published = sequences(['a', 'b', 'c'])
    for (const topic of published) pubsub.publish(topic, undefined)
    for (const pattern of patterns) {
      const expected = published.filter((topic) => {
        const [head, rest] = [pattern.split('.'), topic.split('.')]
        // `**` stands for no segment, too.
        return fits(head, rest)
      })
      expect([pattern, heard.get(pattern)]).toEqual([pattern, expected])
    }
    for (const end of ends) end()
    expect(pubsub.actor.getSnapshot().context).toEqual({ subscriptions: 0 })
  })

  it('made twice hears twice, and each is taken back alone', () => {
    const pubsub = topics()
    const heard: string[] = []
    const listener = ({ topic }: PubSubMessage) => void heard.push(topic)
    const first = pubsub.subscribe('a', listener)
    pubsub.subscribe('a', listener)
    pubsub.subscribe('*', listener)
    pubsub.publish('a', 1)
    first()
    pubsub.publish('a', 2)
    expect(heard).toHaveLength(5)
  })

  it('of an actor sends it the message, and ends with it', () => {
    const pubsub = topics()
    const heard: unknown[] = []
    const machine = createMachine({ on: { 'pubsub.message': { actions: ({ event }) => heard.push(event) } } })
    const ref = createActor(machine).start()
    pubsub.subscribe('orders.*', ref)
    pubsub.subscribe('bills', ref)
    pubsub.publish('orders.created', { id: 7 })
    ref.stop()
    pubsub.publish('orders.created', { id: 8 })
    expect(heard).toEqual([{ type: 'pubsub.message', topic: 'orders.created', message: { id: 7 } }])
    expect(pubsub.actor.getSnapshot().context).toEqual({ subscriptions: 0 })
  })

  it('of an actor leaves no watch behind when it is taken back, or when the topics end', () => {
    const actor = createActor(pubsubLogic).start()
    const pubsub = pubsubOf(actor)
    const ref = mortal()
    const before = observersOf(ref)
    const ends = [pubsub.subscribe('a', ref), pubsub.subscribe('*', ref)]
    expect(observersOf(ref)).toBe(before + 1)
    for (const end of ends) end()
    expect(observersOf(ref)).toBe(before)
    const end = pubsub.subscribe('a', ref)
    actor.stop()
    end()
    expect(observersOf(ref)).toBe(before)
  })
})

describe('a message', () => {
  it('that a subscriber publishes comes after the one that it is hearing, for everybody', () => {
    const pubsub = topics()
    const heard: unknown[] = []
    pubsub.subscribe('a', ({ message }) => {
      heard.push(['first', message])
      if (message === 1) pubsub.publish('a', 2)
    })
    pubsub.subscribe('a', ({ message }) => heard.push(['second', message]))
    pubsub.publish('a', 1)
    expect(heard).toEqual([
      ['first', 1],
      ['second', 1],
      ['first', 2],
      ['second', 2],
    ])
  })

  it('does not reach who is unsubscribed while it is handed over, and not who subscribes then', () => {
    const pubsub = topics()
    const late: unknown[] = []
    pubsub.subscribe('a', () => {
      next.unsubscribe()
      pubsub.subscribe('a', ({ message }) => late.push(message))
    })
    const next = received(pubsub, 'a')
    pubsub.publish('a', 1)
    expect([next.heard, late]).toEqual([[], []])
    pubsub.publish('a', 2)
    expect(late).toEqual([2])
  })

  it('reaches the others where a listener throws, or rejects, and the logger of the system hears of it', async () => {
    const logged: unknown[] = []
    const pubsub = pubsubOf(createActor(pubsubLogic, { logger: (...words) => logged.push(words.at(-1)) }).start())
    pubsub.subscribe('a', () => {
      throw new Error('thrown')
    })
    pubsub.subscribe('a', () => Promise.reject(new Error('rejected')))
    const { heard } = received(pubsub, 'a')
    pubsub.publish('a', 1)
    await Promise.resolve()
    expect(heard).toEqual([1])
    expect(logged).toEqual([new Error('thrown'), new Error('rejected')])
  })

  it('without a subscriber goes nowhere', () => {
    const pubsub = topics()
    expect(() => pubsub.publish('nobody.listens', 1)).not.toThrow()
  })

  it.each([
    ['publish', '', 'empty'],
    ['publish', 'a..b', 'empty'],
    ['publish', '.a', 'empty'],
    ['publish', 'a.*', 'wildcard'],
    ['subscribe', 'a.', 'empty'],
    ['subscribe', 'a*', 'whole segments'],
    ['subscribe', 'a.***', 'whole segments'],
    ['subscribe', '**.a', 'before its end'],
  ] as const)('%s refuses the topic %j', (verb, topic, why) => {
    const pubsub = topics()
    const ask = () => (verb === 'publish' ? pubsub.publish(topic, 1) : pubsub.subscribe(topic, () => undefined))
    expect(ask).toThrow(
      expect.objectContaining({
        code: 'PUBSUB_TOPIC_INVALID',
        context: { topic },
        message: expect.stringContaining(why),
      }),
    )
    expect(pubsub.actor.getSnapshot().context).toEqual({ subscriptions: 0 })
  })

  it('is taken by nobody after the end of the topics or of the subscriber', () => {
    const actor = createActor(pubsubLogic).start()
    const pubsub = pubsubOf(actor)
    const ended = mortal()
    ended.stop()
    const notRunning = expect.objectContaining({ code: 'ACTOR_NOT_RUNNING' })
    expect(() => pubsub.subscribe('a', ended)).toThrow(notRunning)
    actor.stop()
    expect(() => pubsub.publish('a', 1)).toThrow(notRunning)
    expect(() => pubsub.subscribe('a', () => undefined)).toThrow(notRunning)
  })

  it('on a topic without wildcards costs the same beside 10,000 other topics', () => {
    const costBeside = (others: number) => {
      const pubsub = topics()
      for (let other = 0; other < others; other++) pubsub.subscribe(`other.${other}`, () => undefined)
      let heard = 0
      pubsub.subscribe('mine', () => heard++)
      const begun = process.cpuUsage()
      for (let message = 0; message < 20_000; message++) pubsub.publish('mine', message)
      expect(heard).toBe(20_000)
      // Of this process alone: the machine may be busy with others.
      const { user, system } = process.cpuUsage(begun)
      return (user + system) / 1_000
    }
    costBeside(1)
    const alone = Math.min(costBeside(1), costBeside(1), costBeside(1))
    expect(Math.min(costBeside(10_000), costBeside(10_000))).toBeLessThan(5 * Math.max(alone, 1))
  })
})

describe('topics as an actor', () => {
  it('take events from machines of their system, which need no handle', () => {
    const heard: unknown[] = []
    const machine = createMachine({
      invoke: { id: 'pubsub', systemId: 'pubsub', src: pubsubLogic },
      entry: sendTo('pubsub', ({ self }) => ({ type: 'pubsub.subscribe', topic: 'orders.*', listener: self })),
      on: {
        order: {
          actions: sendTo(
            ({ system }) => system.get('pubsub'),
            () => ({ type: 'pubsub.publish', topic: 'orders.new', message: 7 }),
          ),
        },
        leave: {
          actions: sendTo('pubsub', ({ self }) => ({ type: 'pubsub.unsubscribe', topic: 'orders.*', listener: self })),
        },
        'pubsub.message': { actions: ({ event }) => heard.push(event.message) },
      },
    })
    const root = createActor(machine).start()
    root.send({ type: 'order' })
    root.send({ type: 'leave' })
    root.send({ type: 'order' })
    expect(heard).toEqual([7])
  })

  it('are not ended by events that make no sense', () => {
    const actor = createActor(pubsubLogic).start()
    const heard: unknown[] = []
    pubsubOf(actor).subscribe('*', (message) => heard.push(message))
    const wrong = [
      { type: 'pubsub.publish', topic: 7 },
      { type: 'pubsub.publish', topic: '*' },
      { type: 'pubsub.subscribe', topic: 'a..b', listener: mortal() },
      { type: 'pubsub.subscribe', topic: 'a', listener: 'nobody' },
      { type: 'pubsub.unsubscribe', listener: 'nobody' },
      { type: 'pubsub.shout' },
    ]
    for (const event of wrong) actor.send(event as never)
    expect(actor.getSnapshot()).toMatchObject({ status: 'active', context: { subscriptions: 1 } })
    expect(heard).toEqual([])
  })

  it('show messages and subscriptions to inspectors', () => {
    const seen: string[] = []
    const inspect = (event: InspectionEvent) => {
      if (event.type === '@xstate.event') seen.push(event.event.type)
    }
    const pubsub = pubsubOf(createActor(pubsubLogic, { inspect }).start())
    const unsubscribe = pubsub.subscribe('a', () => undefined)
    pubsub.publish('a', 1)
    unsubscribe()
    expect(seen).toEqual(['xstate.init', 'pubsub.subscribed', 'pubsub.publish', 'pubsub.unsubscribed'])
  })
})
