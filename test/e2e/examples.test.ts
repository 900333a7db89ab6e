import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const examples = join(import.meta.dirname, '../../examples')

function run(example: string, ...args: string[]): string {
  return execFileSync(process.execPath, [join(examples, example, 'main.ts'), ...args], { encoding: 'utf8' })
}

describe('examples', () => {
  it('quickstart --json does the main job, sees every state, and leaves nothing behind', () => {
    const report = JSON.parse(run('quickstart', '--json'))
    expect(report.run.usage.total_tokens).toBeGreaterThan(0)
    expect(report.run.messages.length).toBeGreaterThan(1)
    expect(report.stream_events).toBeGreaterThan(2)
    expect(report.recovery_ms).toBeGreaterThan(0)
    expect(report.states.join(' ')).toContain(
      'provisioning starting ready crashed backoff provisioning starting ready draining stopped',
    )
    expect(report.left_behind).toBe(0)
  })

  it('quickstart tells a person what each step took', () => {
    const printed = run('quickstart')
    for (const word of ['environment', 'start to ready', 'text.delta', 'to the next answer', 'left behind: nothing']) {
      expect(printed).toContain(word)
    }
  })

  it('research-team replaces the crashed one and those after it', () => {
    const printed = run('research-team')
    const processes = printed.split('\n').filter((line) => line.endsWith('process'))
    expect(processes.map((line) => line.trim())).toEqual([
      'finder: the same process',
      'reader: a new process',
      'writer: a new process',
      'finder: a new process',
      'reader: a new process',
      'writer: a new process',
    ])
    expect(printed).toContain('the run is told: RUN_INTERRUPTED, started: true')
    expect(printed).toContain(
      'On supervision: supervision, a survey: worth reading. supervision in practice: worth reading.',
    )
  })

  it('compose asks two agents at once, and a third where they disagree', () => {
    const printed = run('compose')
    expect(printed).toMatch(/^On 'Actors talk\.': .*Write one more sentence\.$/m)
    for (const line of ['9: It is short.', '2: It is too short.', 'They were judged.']) expect(printed).toContain(line)
  })

  it('embed runs an agent from events alone', () => {
    expect(run('embed')).toMatch(/support is ready, process \d+\nrun first: succeeded, \d+ tokens\nclosed\n/)
  })

  it('inspect shows the states of the agent as the XState inspector is told them', () => {
    const states = run('inspect')
      .split('\n')
      .filter((line) => line.startsWith('server/0'))
      .map((line) => /\s("\w+"|\{\S+\})\s/.exec(line)?.[1])
    const changes = states.filter((state, index) => state !== states[index - 1])
    expect(changes).toEqual(
      ['"idle"', '"provisioning"', '"starting"', '"ready"', '{"crashed":"judged"}', '"backoff"'].concat([
        '"provisioning"',
        '"starting"',
        '"ready"',
        '"draining"',
        '"stopped"',
      ]),
    )
  })

  it('supervised-actors tells who is restarted, who gives up, and who starts it anew, and ends', () => {
    const printed = run('supervised-actors')
    const chapters = printed.split('\n\n').map((chapter) => chapter.split('\n'))
    expect(chapters).toHaveLength(5)
    const [, crash, escalation, byHand, end] = chapters
    expect(crash).toContain(
      'store running, pipeline running; in the pipeline reader running, parser running (restarts: 1), indexer running (restarts: 1)',
    )
    expect(escalation).toContain('  pipeline: supervisor.exceeded parser: cannot be parsed')
    expect(escalation).toContain('root: child.exited pipeline: "shutdown"')
    expect(escalation?.at(-1)).toContain(
      'pipeline running (restarts: 1); in the pipeline reader running, parser running,',
    )
    expect(byHand).toContain('store stopped, pipeline running (restarts: 1)')
    expect(end?.filter((line) => line.includes('child.terminated')).map((line) => line.trim())).toEqual([
      'pipeline: child.terminated indexer: "shutdown"',
      'pipeline: child.terminated parser: "shutdown"',
      'pipeline: child.terminated reader: "shutdown"',
      'root: child.terminated pipeline: "shutdown"',
      'root: child.terminated store: "shutdown"',
    ])
    expect(printed).toMatch(/\nroot ended: shutdown\n$/)
  })
})
