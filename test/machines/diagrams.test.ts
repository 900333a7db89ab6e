import { describe, expect, it } from 'vitest'
import { createMachine } from 'xstate'
import { drawAll, ofMachine, staleFiles } from '../../scripts/diagrams.ts'

describe('the files of diagrams/', () => {
  it('say what the machines say; `node scripts/diagrams.ts` brings them up to date', () => {
    expect(staleFiles()).toEqual([])
  })

  it('are stale when one is missing or says anything else', () => {
    const drawn = drawAll()
    const read = (file: string) => (file === 'run.md' ? undefined : file === 'agent.md' ? 'old' : drawn.get(file))
    expect(staleFiles(read)).toEqual(['agent.md', 'run.md'])
  })

  it.each([...drawAll()])('%s has a title, a sentence and one picture', (_, text) => {
    expect(text).toMatch(/^# [A-Z][a-z]+\n/)
    expect(text.match(/^```mermaid\nstateDiagram-v2\n/gm)).toHaveLength(1)
    expect(text.match(/^```$/gm)).toHaveLength(1)
    expect(text).not.toMatch(/undefined|\[object/)
  })
})

describe('a drawn machine', () => {
  const lines = (config: Parameters<typeof createMachine>[0]) =>
    ofMachine(createMachine(config), 'M', 'A machine.').lines

  it('shows events, guards, delays, the outcomes of what is invoked, and the end', () => {
    expect(
      lines({
        initial: 'a',
        states: {
          a: {
            invoke: { id: 'probe', src: 'probe', onDone: 'b', onError: { target: 'c', guard: 'isGrave' } },
            after: { 500: 'c', slowMs: 'c' },
          },
          b: { always: { guard: 'isDone', target: 'c' } },
          c: { type: 'final' },
        },
      }),
    ).toEqual([
      '[*] --> a',
      'a --> b : probe done',
      'a --> c : probe error [isGrave]<br/>after 500 ms<br/>after slowMs',
      'b --> c : [isDone]',
      'c --> [*]',
    ])
  })

  it('gives nested states a name of their own, and draws the ways out of them', () => {
    expect(
      lines({
        id: 'm',
        initial: 'a',
        states: { a: { initial: 'b', states: { b: { on: { go: '#m.d' } } } }, d: {} },
      }),
    ).toEqual(['[*] --> a', 'state a {', '  [*] --> a_b', '  state "b" as a_b', '}', 'a_b --> d : go'])
  })

  it('is refused where a label would end too early', () => {
    expect(() => lines({ initial: 'a', states: { a: { on: { 'b:c': 'b' } }, b: {} } })).toThrow(/cannot be drawn/)
  })
})
