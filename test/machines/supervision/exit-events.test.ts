import { expect, it } from 'vitest'
import { createActor, createMachine, enqueueActions, fromPromise, setup } from 'xstate'
import { narrowExitEvents } from '../../../src/machines/supervision/exit-events.ts'

/** A parent that keeps what it hears of its children. */
const machine = narrowExitEvents(
  setup({
    types: { context: {} as { heard: string[] } },
    actions: {
      keep: enqueueActions(({ context, event }) => {
        context.heard.push(`${event.type} ${(event as unknown as { actorId: string }).actorId}`)
      }),
    },
  }).createMachine({
    context: { heard: [] },
    on: { 'xstate.done.actor.*': { actions: 'keep' }, 'xstate.error.actor.*': { actions: 'keep' } },
  }),
)

it.each([
  ['the machine', machine],
  ['what provide makes of it', machine.provide({})],
])('%s hears of all ends by two types, with the id of the child', async (_, each) => {
  const parent = createActor(each).start()
  const ended = [fromPromise(async () => 1), fromPromise(() => Promise.reject(new Error('lost')))].map(
    (logic, index) => {
      const child = createActor(logic, { parent, id: `child.${index}` })
      const over = new Promise<void>((resolve) => child.subscribe({ complete: resolve, error: () => resolve() }))
      child.start()
      return over
    },
  )
  await Promise.all(ended)
  expect(parent.getSnapshot().context.heard).toEqual(['xstate.done.actor child.0', 'xstate.error.actor child.1'])
  expect(parent.getSnapshot().status).toBe('active')
  parent.getSnapshot().context.heard.length = 0
})

it('a machine that does not listen for errors still fails with its child', async () => {
  const parent = createActor(narrowExitEvents(createMachine({})))
  const failed = new Promise((resolve) => parent.subscribe({ error: resolve }))
  parent.start()
  createActor(
    fromPromise(() => Promise.reject(new Error('lost'))),
    { parent, id: 'child' },
  ).start()
  expect(await failed).toEqual(new Error('lost'))
})
