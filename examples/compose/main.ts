/**
 * Three agents in one machine: two review a text at the same time, and a third is asked where they disagree. The types of their
 * results are those of axon.types.ts, which `npx axon types examples/compose/axon.config.ts` has written.
 *
 *     node examples/compose/main.ts
 */
import { join } from 'node:path'
import { type AgentStreamEvent, agentLogic, agentStreamLogic, createAxon, loadConfig } from 'axon-runtime'
import { assign, createActor, setup, toPromise } from 'xstate'
import type { Optimist } from './axon.types.ts'

await using axon = await createAxon(await loadConfig(join(import.meta.dirname, 'axon.config.ts'))).start()

const panel = setup({
  types: {
    input: {} as { text: string },
    context: {} as { text: string; reviews: Optimist.Review[]; ruling: string },
    events: {} as AgentStreamEvent<string>,
    output: {} as { reviews: Optimist.Review[]; ruling: string },
  },
  actors: {
    optimist: agentLogic(axon, 'optimist'),
    sceptic: agentLogic(axon, 'sceptic'),
    judge: agentStreamLogic(axon, 'judge'),
  },
  actions: {
    keep: assign({
      reviews: ({ context }, review: Optimist.Review) => [...context.reviews, review],
    }),
  },
  guards: {
    disagree: ({ context: { reviews } }) => {
      const scores = reviews.map(({ score }) => score)
      return Math.max(...scores) - Math.min(...scores) > 3
    },
  },
}).createMachine({
  id: 'panel',
  context: ({ input: { text } }) => ({ text, reviews: [], ruling: '' }),
  initial: 'reviewing',
  states: {
    reviewing: {
      type: 'parallel',
      states: {
        optimist: {
          initial: 'asked',
          states: {
            asked: {
              invoke: {
                src: 'optimist',
                input: ({ context }) => ({ prompt: context.text }),
                onDone: { target: 'told', actions: { type: 'keep', params: ({ event }) => event.output.result } },
              },
            },
            told: { type: 'final' },
          },
        },
        sceptic: {
          initial: 'asked',
          states: {
            asked: {
              invoke: {
                src: 'sceptic',
                input: ({ context }) => ({ prompt: context.text }),
                onDone: { target: 'told', actions: { type: 'keep', params: ({ event }) => event.output.result } },
              },
            },
            told: { type: 'final' },
          },
        },
      },
      onDone: [{ guard: 'disagree', target: 'judging' }, { target: 'decided' }],
    },
    judging: {
      invoke: {
        src: 'judge',
        input: ({ context: { text, reviews } }) => ({
          prompt: text,
          deps: { remarks: reviews.map(({ remark }) => remark) },
        }),
      },
      on: {
        'text.delta': { actions: ({ event }) => process.stdout.write(event.data.text) },
        'run.result': { target: 'decided', actions: assign({ ruling: ({ event }) => event.data.result }) },
        'run.error': { target: 'decided', actions: assign({ ruling: ({ event }) => event.error.message }) },
      },
    },
    decided: { type: 'final' },
  },
  output: ({ context: { reviews, ruling } }) => ({ reviews, ruling }),
})

const actor = createActor(panel, { input: { text: 'Actors talk.' } }).start()
const { reviews, ruling } = await toPromise(actor)
console.log()
for (const { score, remark } of reviews) console.log(`${score}: ${remark}`)
console.log(ruling === '' ? 'They agree.' : 'They were judged.')
