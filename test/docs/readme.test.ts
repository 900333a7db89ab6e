import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** The fenced blocks of a page in one language. */
function blocks(page: string, language: string): string[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    (match) => match[1] as string,
  )
}

const scratch: string[] = []
afterEach(() => {
  for (const directory of scratch.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** An application that has installed the package, with one script and one agent. */
function application(script: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'axon-docs-'))
  scratch.push(directory)
  mkdirSync(join(directory, 'node_modules'))
  symlinkSync(root, join(directory, 'node_modules/axon-runtime'))
  for (const name of ['xstate', 'zod', 'openai'])
    symlinkSync(join(root, 'node_modules', name), join(directory, 'node_modules', name))
  mkdirSync(join(directory, 'agents'))
  writeFileSync(join(directory, 'agents/support.py'), blocks('README.md', 'python')[0] as string)
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(directory, 'main.ts'), script)
  return execFileSync(process.execPath, ['main.ts'], {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

describe('the examples of the documentation run as they are written', () => {
  it('README: the ten lines answer, stream and close', () => {
    const printed = application(blocks('README.md', 'ts')[0] as string)
    expect(printed).toMatch(/^\{"weather":"It is sunny in a\."\} \d+$/m)
    expect(printed).toContain('run.started')
    expect(printed).toContain('run.result')
  })

  it('README: a supervisor without Python starts its child and stops', () => {
    expect(application(blocks('README.md', 'ts')[1] as string)).toMatch(/id: 'clock'[\s\S]*state: 'running'/)
  })

  it('docs/tools.md: an agent calls functions of Node, one of them after it was approved', () => {
    const printed = application(blocks('docs/tools.md', 'ts')[0] as string)
    expect(printed).toContain("may I refund { id: 'a', reason: 'late' }")
    expect(printed).toContain('"lookup":{"state":"sent","amount":20},"refund":"Order a is paid back."')
  })

  it('docs/inspector.md: the live page of a system is served, and closed', () => {
    const printed = application(blocks('docs/inspector.md', 'ts')[0] as string)
    expect(printed).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/ \/inspect$/m)
    expect(printed).toContain('It is sunny in a.')
  })

  it('docs/composition.md: a machine of the application invokes an agent', () => {
    expect(application(blocks('docs/composition.md', 'ts')[0] as string)).toContain('It is sunny in a.')
  })

  it("docs/openai.md: OpenAI's client reads an agent's answer word by word", () => {
    expect(application(blocks('docs/openai.md', 'ts')[0] as string)).toBe('{"weather":"It is sunny in a."}')
  })

  it('docs/environments.md: an environment is made without a system', () => {
    expect(application(blocks('docs/environments.md', 'ts')[0] as string).trim()).toMatch(/\/bin\/python$/)
  })

  it('docs/supervision.md: a promise is tried until it succeeds', () => {
    expect(
      application(blocks('docs/supervision.md', 'ts')[0] as string)
        .trim()
        .split('\n'),
    ).toEqual(['prices starts again in 0 ms', 'prices starts again in 0 ms', 'prices ended: normal, after 3 tries'])
  })
})
