import { expect, test } from 'vitest'
import { createAxon } from '../../src/index.ts'
import { agent, newAxon, next, rejection } from './axon.ts'

test('an option that createAxon does not know, or that is of the wrong kind, is refused with those there are', () => {
  const options = { agnets: {}, logger: 'info' } as object
  expect(() => createAxon(options)).toThrow(/there is no option agnets; there are agents, supervisors/)
})

test('an option of a run that is wrong or unknown is refused before there is a run', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const { run } = { run: (options: object) => rejection(axon.agent('echo').run({ prompt: '' }, options)) }
  expect(await run({ signal: {} })).toMatchObject({
    code: 'RUN_REQUEST_INVALID',
    message: expect.stringMatching(/no AbortSignal/),
  })
  expect(await run({ timeoutMs: 5 })).toMatchObject({
    code: 'RUN_REQUEST_INVALID',
    message: expect.stringMatching(/there are signal, runMs, run/),
  })
  expect(await run({ runMs: -1 })).toMatchObject({
    code: 'RUN_REQUEST_INVALID',
    message: expect.stringMatching(/not above 0/),
  })
  expect(axon.agent('echo').snapshot()).toMatchObject({ inFlight: 0, queued: 0 })
})

test('after close() a system says that it is closed, whatever is asked of it', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  await axon.close()
  expect(await rejection(axon.start())).toMatchObject({ code: 'SUPERVISOR_CLOSED' })
  expect(() => axon.agent('echo')).toThrow(expect.objectContaining({ code: 'SUPERVISOR_CLOSED' }))
})

test('an event of an agent that does not exist as an event is refused', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const refused = next(axon, 'event.refused')
  axon.actor.send({ type: 'agent.reboot', agent: 'echo' } as never)
  expect(await refused).toMatchObject({ event: 'agent.reboot', error: { code: 'CONFIG_INVALID' } })
})
