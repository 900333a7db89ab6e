import { expect, test } from 'vitest'
import { openTerminal } from './pseudo-terminal.ts'
import { Screen } from './screen.ts'

const node = (code: string) => [process.execPath, ['-e', code]] as const

test('a command has a terminal of the given size, is told of another, and its exit code is answered', async () => {
  const size = `const size = () => console.log(process.stdout.isTTY, process.stdout.columns, process.stdout.rows)
    size(); process.stdout.on('resize', size); process.stdin.once('data', () => process.exit(7))`
  const terminal = openTerminal(...node(size), { columns: 100, rows: 30 })
  await terminal.sees('true 100 30')
  terminal.resize(60, 20)
  await terminal.sees('true 60 20')
  terminal.type('x\r')
  expect(await terminal.exited).toBe(7)
})

test('Ctrl-C is a signal, and the exit code names one that ended the command', async () => {
  const terminal = openTerminal(...node('setInterval(() => {}, 1000); console.log("up")'))
  await terminal.sees('up')
  terminal.interrupt()
  expect(await terminal.exited).toBe(130)
})

test('a terminal that is closed hangs its command up', async () => {
  const terminal = openTerminal(...node('setInterval(() => {}, 1000); console.log("up " + process.pid + ".")'))
  const pid = Number((await terminal.sees(/up (\d+)\./))[1])
  await terminal.close()
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

test('what does not come is an error with what there is', async () => {
  const terminal = openTerminal(...node('console.log("this")'))
  await expect(terminal.sees('that')).rejects.toThrow(/ended before the terminal had that\. It has:\nthis/)
})

test('the screen is what a person sees: lines written over, moves, erasures, wrapping and scrolling', () => {
  const screen = new Screen(10, 3)
  screen.write('one\r\u001b[2Ktwo\u001b[31m red\u001b[0m\r\n')
  expect(screen.text).toBe('two red')
  screen.write('0123456789abc\r\nlast')
  expect(screen.text).toBe('0123456789\nabc\nlast')
  expect(screen.all).toBe('two red\n0123456789\nabc\nlast')
  screen.write('\u001b[H\u001b[')
  screen.write('Jtop\u001b[3;2Hx\u001b[A\u001b[Gy')
  expect(screen.text).toBe('top\ny\n x')
})
