import { EventEmitter, once } from 'node:events'
import pino from 'pino'
import { expect, test } from 'vitest'
import type { AxonEvent } from '../../../src/runtime/telemetry/catalogue.ts'
import { Log } from '../../../src/runtime/telemetry/log.ts'

const event: AxonEvent = { type: 'agent.spawned', agent: 'writer' }
const pauseMs = 1_000

/** A destination that can fail in each of the ways in which destinations do. */
class Destination extends EventEmitter {
  readonly lines: string[] = []
  fault: 'throws' | 'error' | 'drop' | undefined

  write(line: string): void {
    const full = new Error('ENOSPC: no space left on device, write')
    if (this.fault === 'throws') throw full
    if (this.fault === 'error') this.emit('error', full)
    else if (this.fault === 'drop') this.emit('drop', line)
    else this.lines.push(JSON.parse(line).msg)
  }
}

function logged(destination = new Destination()) {
  const time = { now: 0 }
  const told: AxonEvent[] = []
  const log: Log = new Log(pino({ level: 'info' }, destination), {
    // As Telemetry does.
    tell: (fact) => {
      told.push(fact)
      log.write(fact)
    },
    now: () => time.now,
  })
  const write = () => log.write(event)
  return { destination, time, told, log, write }
}

for (const [fault, message] of [
  ['throws', 'ENOSPC: no space left on device, write'],
  ['error', 'ENOSPC: no space left on device, write'],
  ['drop', 'its destination does not keep up'],
] as const) {
  test(`a destination that fails (${fault}) is told once, left alone for a second at a time, and says what is missing when it is written again`, () => {
    const { destination, time, told, write } = logged()
    write()
    destination.fault = fault
    write()
    expect(told).toEqual([{ type: 'log.failed', message }])
    for (let n = 0; n < 10; n += 1) write()
    time.now += pauseMs
    // One is tried, and is lost too.
    for (let n = 0; n < 3; n += 1) write()
    expect(told).toHaveLength(1)

    destination.fault = undefined
    time.now += pauseMs
    for (let n = 0; n < 3; n += 1) write()
    expect(destination.lines).toEqual(['agent.spawned', 'agent.spawned'])
    time.now += pauseMs
    write()
    // With the line of log.failed itself.
    const dropped = 1 + 1 + 10 + 3 + 2
    expect(told.slice(1)).toEqual([{ type: 'log.restored', dropped }])
    write()
    expect(destination.lines.slice(2)).toEqual(['log.restored', 'agent.spawned', 'agent.spawned'])
  })
}

test('a destination that fails at the line that says it is restored is left alone again', () => {
  const { destination, time, told, write } = logged()
  destination.fault = 'error'
  write()
  destination.fault = undefined
  time.now += pauseMs
  write()
  destination.fault = 'error'
  time.now += pauseMs
  for (let n = 0; n < 5; n += 1) write()
  expect(told.map(({ type }) => type)).toEqual(['log.failed', 'log.restored', 'log.failed'])
  expect(destination.lines).toEqual(['agent.spawned'])
})

test('a line that is not of a level that is written is neither tried nor counted', () => {
  const { destination, told, log } = logged()
  destination.fault = 'throws'
  log.write({ type: 'agent.idle', agent: 'writer', generation: 'writer/0#0' })
  expect(told).toEqual([])
})

test('many systems may share a destination, which also tells of a line when the systems are closed', () => {
  const destination = new Destination()
  const logs = Array.from({ length: 20 }, () => logged(destination))
  expect(destination.listenerCount('error')).toBe(1)
  for (const { log } of logs.slice(1)) log.close()
  destination.emit('error', new Error('late'))
  expect(logs.map(({ told }) => told.length)).toEqual(logs.map((_, n) => (n === 0 ? 1 : 0)))
  logs[0]?.log.close()
  expect(() => destination.emit('error', new Error('later'))).not.toThrow()
})

test('the destination of a child logger, of pino itself, is heard', async () => {
  const destination = pino.destination({ dest: '/dev/full', sync: false })
  await once(destination, 'ready')
  const failed = Promise.withResolvers<AxonEvent>()
  const log = new Log(pino(destination).child({ child: true }), { tell: failed.resolve })
  log.write(event)
  expect(await failed.promise).toMatchObject({ type: 'log.failed', message: expect.stringContaining('ENOSPC') })
  log.close()
})
