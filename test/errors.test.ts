import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { AxonError, errorCodes, isAxonError, ProcessError, RunError, toAxonError } from '../src/errors.ts'

test('an error knows its code, whether trying again can help, and its cause', () => {
  const cause = new Error('ECONNRESET')
  const error = new ProcessError('PROCESS_EXITED', 'writer/0#1 ended.', {
    agent: 'writer',
    cause,
    context: { code: 1 },
  })
  expect(error).toMatchObject({ name: 'ProcessError', code: 'PROCESS_EXITED', retryable: true, agent: 'writer', cause })
  expect(error).toBeInstanceOf(AxonError)
  expect(new AxonError('PROCESS_EXITED', 'x', { retryable: false }).retryable).toBe(false)
})

test.each(Object.entries(errorCodes))('%s is retryable where its table says so', (code, { retryable }) => {
  expect(new AxonError(code as keyof typeof errorCodes, 'x').retryable).toBe(retryable)
})

test('an error without a cause has none, and without an agent none', () => {
  const error = new AxonError('INTERNAL_ERROR', 'x')
  expect(Object.hasOwn(error, 'cause')).toBe(false)
  expect(error.agent).toBeUndefined()
})

test('JSON holds what a program needs, and neither stack nor cause', () => {
  const options = { run: 'r-1', agent: 'writer', started: true, attempt: 2, kind: 'ValueError', traceback: 'Traceback' }
  const error = new RunError('AGENT_RAISED', 'no', { ...options, cause: new Error('secret'), context: { status: 500 } })
  expect(JSON.parse(JSON.stringify(error))).toEqual({
    name: 'RunError',
    code: 'AGENT_RAISED',
    message: 'no',
    retryable: false,
    context: { status: 500 },
    ...options,
  })
  expect(JSON.parse(JSON.stringify(new AxonError('RUN_REJECTED', 'full')))).toEqual({
    name: 'AxonError',
    code: 'RUN_REJECTED',
    message: 'full',
    retryable: true,
    context: {},
  })
})

test('an error of another copy of the package is known', async () => {
  const copy = `${pathToFileURL(join(import.meta.dirname, '../src/errors.ts'))}?copy`
  const other = (await import(/* @vite-ignore */ copy)) as typeof import('../src/errors.ts')
  const error = new other.AxonError('RUN_REJECTED', 'full')
  expect(error).not.toBeInstanceOf(AxonError)
  expect(isAxonError(error)).toBe(true)
  expect(toAxonError(error)).toBe(error)
})

test.each([undefined, null, 'text', 1, {}, new Error('x'), { code: 'RUN_REJECTED' }])(
  '%j is no error of ours',
  (value) => {
    expect(isAxonError(value)).toBe(false)
    const error = toAxonError(value)
    expect(error.code).toBe('INTERNAL_ERROR')
    if (value !== undefined) expect(error.cause).toBe(value)
  },
)
