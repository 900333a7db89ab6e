/**
 * Owns `axon top`: the figures of a running system, again and again. How they look is top-table.ts.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { AxonError } from '../errors.ts'
import { findSystem, isLiving, readTable } from '../runtime/operator/client.ts'
import type { KnownSystem } from '../runtime/state/living.ts'
import type { SystemTable } from '../runtime/telemetry/table.ts'
import { exitCodes } from './exit-codes.ts'
import { FullScreen } from './full-screen.ts'
import { onInterrupt } from './interrupt.ts'
import { type ConfigFlag, stateDirOf } from './settings.ts'
import { drained, paint, printJson, printLine, say } from './terminal.ts'
import { clip, type SortKey, summary, tableLines } from './top-table.ts'

export interface TopFlags extends ConfigFlag {
  /** Milliseconds. */
  interval: number
  system?: string
  json?: boolean
}

/** Heartbeats come every 2 s: rates over less would jump. */
const rateMs = 5_000

const sortKeys: Readonly<Record<string, SortKey>> = { n: 'name', m: 'memory', c: 'cpu', r: 'runs', e: 'errors' }

export async function top(flags: TopFlags): Promise<number> {
  const stateDir = await stateDirOf(flags)
  const system = findSystem(stateDir, flags.system)
  const first = await readTable(stateDir, system)
  if (first === undefined) throw silent(system)
  const controller = new AbortController()
  const interrupt = onInterrupt(() => controller.abort())
  const tables = ticks({ stateDir, system, first, intervalMs: flags.interval, signal: controller.signal })
  try {
    if (flags.json) {
      for await (const table of tables) {
        printJson(table)
        await drained()
      }
    } else if (process.stdout.isTTY) {
      const code = await show(tables, controller)
      return interrupt.code ?? code
    } else {
      printLine(tableLines(first).join('\n'))
    }
    return interrupt.code ?? exitCodes.done
  } finally {
    interrupt.off()
  }
}

interface Ticks {
  stateDir: string
  system: KnownSystem
  first: SystemTable
  intervalMs: number
  signal: AbortSignal
}

/** Until the system ends, or the signal. */
async function* ticks({ stateDir, system, first, intervalMs, signal }: Ticks): AsyncGenerator<SystemTable, void> {
  yield first
  for (;;) {
    await delay(intervalMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    const table = await readTable(stateDir, system)
    if (table) yield table
    else if (!isLiving(stateDir, system)) return
  }
}

/** The live table; answers the exit code. */
async function show(tables: AsyncIterable<SystemTable>, controller: AbortController): Promise<number> {
  let code: number | undefined
  let sort: SortKey = 'name'
  let history: SystemTable[] = []
  const end = (with_: number) => {
    code = with_
    controller.abort()
  }
  const screen: FullScreen = new FullScreen({
    onKey: (keys) => {
      for (const key of keys) {
        if (key === 'q') end(exitCodes.done)
        if (key === '\u0003') end(exitCodes.interrupted)
        sort = sortKeys[key] ?? sort
      }
      draw()
    },
    onResize: () => draw(),
  })
  const draw = () => {
    const table = history.at(-1)
    if (table === undefined) return
    const { columns, rows } = screen.size
    const keys = `q quits; sorted by ${sort}: n name, m memory, c cpu, r runs, e errors`
    const body = tableLines(table, { since: history.length > 1 ? history[0] : undefined, sort })
    const lines = [summary(table), '', ...body].slice(0, Math.max(1, rows - 1))
    screen.draw([...lines, paint('dim', keys)].map((line) => clip(line, columns - 1)))
  }
  try {
    for await (const table of tables) {
      history = [...history.filter(({ time }) => table.time - time <= rateMs), table]
      draw()
    }
  } finally {
    screen.close()
  }
  if (code === undefined && !controller.signal.aborted) say('The system has ended.')
  return code ?? exitCodes.done
}

function silent({ id, pid }: KnownSystem): AxonError {
  const message = `System ${id} (process ${pid}) cannot be watched: it has no operator's socket. Start it with createAxon({ operator: true }).`
  return new AxonError('SYSTEM_UNKNOWN', message, { context: { system: id, pid } })
}
