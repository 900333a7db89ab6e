import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agent, appears, newAxon, next, rejection, scratch } from '../e2e/axon.ts'
import { open } from '../e2e/gate.ts'
import { startPool } from './pool.ts'
import { proxied } from './proxy.ts'

const waitingAt = (gate: string) => appears(`${gate}.waiting`)

test('a process that cannot be reached: another one gets the run', async () => {
  const { aim, run, executed, attempts } = await startPool()
  const target = await aim()
  target.refuse()
  expect((await run('a')).result.pid).not.toBe(target.pid)
  expect(executed()).toEqual(['a'])
  expect(attempts.get('a')).toBe(2)
})

test('a process that drains by its own account refuses a run with 503 and its mark: another one gets it', async () => {
  const { aim, directory, run, executed, attempts } = await startPool()
  const target = await aim()
  const gate = join(directory, 'gate')
  const waiting = waitingAt(gate)
  const first = run('a', { gate })
  await waiting
  process.kill(target.pid, 'SIGTERM')
  // Node hears of it by the refusal only. Before the signal is seen, runs are still taken.
  let count = 0
  let pid = target.pid
  while (pid === target.pid) {
    count += 1
    pid = (await run(`b-${count}`)).result.pid
  }
  expect(attempts.get(`b-${count}`)).toBe(2)
  await open(gate)
  expect((await first).result.pid).toBe(target.pid)
  expect(executed()).toEqual(['a', ...Array.from({ length: count }, (_, at) => `b-${at + 1}`)])
})

test('a process that is killed at any byte of the request: proved not to have started, another one gets the run', async () => {
  const { aim, run, executed, attempts } = await startPool()
  for (const afterBytes of [0, 1, 100, 250]) {
    const target = await aim()
    const killed = target.arm({ of: 'request', afterBytes, act: 'kill' })
    expect((await run(`a-${afterBytes}`)).result.pid).not.toBe(target.pid)
    await killed
    expect(attempts.get(`a-${afterBytes}`)).toBe(2)
  }
  expect(executed()).toEqual(['a-0', 'a-1', 'a-100', 'a-250'])
})

test('a request that ends in its middle: the process lives and does not have the run, another one gets it', async () => {
  const { axon, aim, run, executed, attempts } = await startPool()
  const exits: number[] = []
  axon.on('process.exited', ({ exit }) => exits.push(exit.pid as number))
  for (const act of ['cut', 'reset', 'halfClose'] as const) {
    const target = await aim()
    void target.arm({ of: 'request', afterBytes: 100, act })
    expect((await run(act)).result.pid).not.toBe(target.pid)
    expect(attempts.get(act)).toBe(2)
  }
  expect(executed()).toEqual(['cut', 'reset', 'halfClose'])
  expect(exits).toEqual([])
})

test('a request that reaches the process after it was asked begins nothing there', async () => {
  const { aim, run, executed } = await startPool()
  const target = await aim()
  void target.arm({ of: 'request', afterBytes: 100, act: 'cut' })
  await run('a')
  // The rest of the request arrives, and the process answers it before what comes later.
  target.release()
  for (const prompt of ['b', 'c', 'd']) expect((await run(prompt)).result.pid).toBe(target.pid)
  expect(executed()).toEqual(['a', 'b', 'c', 'd'])
})

test('a process that is stopped says nothing: the outcome is unknown, and the run goes nowhere else', async () => {
  const { aim, run, executed } = await startPool()
  const target = await aim()
  const held = target.arm({ of: 'request', afterBytes: 100, act: 'hold' })
  const outcome = rejection(run('a'))
  await held
  process.kill(target.pid, 'SIGSTOP')
  target.closeAll()
  expect(await outcome).toMatchObject({ code: 'RUN_OUTCOME_UNKNOWN', started: undefined, attempt: 1, run: 'a' })
  process.kill(target.pid, 'SIGCONT')
  expect((await run('b')).result.prompt).toBe('b')
  expect(executed()).toEqual(['b'])
})

test('a process that is killed at any byte of its answer: the run had started, and is not run again', async () => {
  const { aim, run, executed } = await startPool()
  for (const afterBytes of [0, 20, 120]) {
    const target = await aim()
    void target.arm({ of: 'answer', afterBytes, act: 'kill' })
    const error = await rejection(run(`a-${afterBytes}`))
    expect(error).toMatchObject({ code: 'RUN_INTERRUPTED', started: true, retryable: false, attempt: 1 })
    expect(error).toMatchObject({ run: `a-${afterBytes}`, agent: 'one' })
  }
  expect(executed()).toEqual(['a-0', 'a-20', 'a-120'])
})

test('an answer that ends in its middle: the run had started, and is not run again', async () => {
  const { aim, run, executed } = await startPool()
  const expected: string[] = []
  for (const act of ['reset', 'halfClose', 'cut'] as const) {
    for (const afterBytes of [0, 20, 120]) {
      const name = `${act}-${afterBytes}`
      const target = await aim()
      void target.arm({ of: 'answer', afterBytes, act })
      expect(await rejection(run(name))).toMatchObject({
        code: 'RUN_INTERRUPTED',
        started: true,
        attempt: 1,
        run: name,
      })
      // The next answer is not poisoned by what was left of this one.
      expect((await run(`next-${name}`)).result.prompt).toBe(`next-${name}`)
      expected.push(name, `next-${name}`)
    }
  }
  expect(executed()).toEqual(expected)
})

test('a receipt that cannot be read for what stands before it: its run may have started, and is not run again', async () => {
  const { directory, aim, run, executed } = await startPool()
  const { pid } = await aim()
  const [one, other] = [join(directory, 'one'), join(directory, 'other')]
  const isSpoiled = waitingAt(one)
  const spoiling = rejection(run('a', { tells: Buffer.from('no frame').toString('base64'), gate: one }))
  await isSpoiled
  const outcome = rejection(run('b', { gate: other }, { runMs: 20_000 }))
  expect(await spoiling).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  expect(await outcome).toMatchObject({ code: 'RUN_OUTCOME_UNKNOWN', started: undefined, attempt: 1, run: 'b' })
  expect((await run('c')).result.pid).not.toBe(pid)
  // Its process may be ended before the code of it has written that it began.
  expect(executed().filter((run) => run !== 'b')).toEqual(['a', 'c'])
  expect(executed().length).toBeLessThanOrEqual(3)
})

test('a deadline after the receipt: the run had started, and is not run again', async () => {
  const { directory, run, executed } = await startPool()
  const gate = join(directory, 'gate')
  const waiting = waitingAt(gate)
  const outcome = rejection(run('a', { gate }, { runMs: 1_000 }))
  await waiting
  expect(await outcome).toMatchObject({ code: 'RUN_TIMEOUT', started: true, attempt: 1, run: 'a' })
  expect(executed()).toEqual(['a'])
})

test('what the agent raised is not run again, idempotent or not', async () => {
  for (const idempotent of [false, true]) {
    const { run, executed } = await startPool({ idempotent })
    expect(await rejection(run('a', { raises: 'no tea' }))).toMatchObject({
      code: 'AGENT_RAISED',
      kind: 'ValueError',
      traceback: expect.stringContaining('no tea'),
      started: true,
      attempt: 1,
      run: 'a',
    })
    expect(executed()).toEqual(['a'])
  }
})

test('an idempotent agent: a run that began and whose answer was lost is run again by another process', async () => {
  const { aim, run, executed, attempts } = await startPool({ idempotent: true })
  for (const act of ['reset', 'halfClose', 'kill'] as const) {
    const target = await aim()
    void target.arm({ of: 'answer', afterBytes: 20, act })
    expect((await run(act)).result.pid).not.toBe(target.pid)
    expect(attempts.get(act)).toBe(2)
  }
  expect(executed()).toEqual(['reset', 'reset', 'halfClose', 'halfClose', 'kill', 'kill'])
})

test('an idempotent agent of one replica: the same process runs it again', async () => {
  const { aim, run, executed } = await startPool({ idempotent: true, replicas: 1 })
  const target = await aim()
  void target.arm({ of: 'answer', afterBytes: 20, act: 'reset' })
  expect((await run('a')).result.pid).toBe(target.pid)
  expect(executed()).toEqual(['a', 'a'])
})

test('a delay of the request or of the answer is no fault', async () => {
  const { aim, run, executed, attempts } = await startPool()
  for (const of of ['request', 'answer'] as const) {
    const target = await aim()
    const held = target.arm({ of, afterBytes: 50, act: 'hold' })
    const answer = run(of)
    await held
    target.release()
    expect((await answer).result.pid).toBe(target.pid)
    expect(attempts.get(of)).toBe(1)
  }
  expect(executed()).toEqual(['request', 'answer'])
})

test('a stream that ends in its middle, cleanly or not, never ends as if all had been said', async () => {
  const axon = newAxon({ agents: { one: agent('generator') } })
  const proxies = proxied(axon)
  await axon.start()
  for (const act of ['halfClose', 'reset'] as const) {
    const [proxy] = proxies.values()
    void proxy?.arm({ of: 'answer', afterBytes: 250, act })
    const read = async () => {
      for await (const _ of axon.agent('one').stream({ prompt: 'hello' }));
    }
    expect(await rejection(read())).toMatchObject({ code: 'RUN_INTERRUPTED', started: true, attempt: 1 })
  }
})

test('a hundred calls with one key are one execution; after a crash its error is answered again', async () => {
  const records = join(scratch(), 'records')
  const axon = await newAxon({ agents: { one: agent('delivered', { env: { RECORDS: records } }) } }).start()
  const one = axon.agent('one')
  const ask = (prompt: string, metadata = {}) => one.run({ prompt, metadata }, { idempotencyKey: 'k' })
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask('a')))
  expect(new Set(answers).size).toBe(1)
  expect(await rejection(ask('b'))).toMatchObject({ code: 'RUN_KEY_REUSED', context: { run: expect.any(String) } })

  const gate = join(scratch(), 'gate')
  const waiting = waitingAt(gate)
  const key = { idempotencyKey: 'crash' }
  const crashed = rejection(one.run({ prompt: 'c', metadata: { gate } }, key))
  await waiting
  const back = next(axon, 'agent.ready')
  process.kill(one.snapshot()?.pid as number, 'SIGKILL')
  expect(await crashed).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  await back
  expect(await rejection(one.run({ prompt: 'c', metadata: { gate } }, key))).toBe(await crashed)
})
