/** Owns what ended in the scene: crash frames and the lines that the processes wrote. */
import type { CrashFrame, LogFrame } from '../../src/inspector/frames.ts'
import type { Draft } from './scene-replicas.ts'
import { idOf, replicas } from './scene-replicas.ts'

type CrashDraft = Omit<CrashFrame, 'seq'>

export function crashes(now: number): Draft[] {
  return replicas.flatMap(({ name, changes }) => {
    const times = changes.filter(([, state]) => state === 'crashed').map(([seconds]) => now - seconds * 1000)
    return times.map(
      (at, i): CrashDraft => (name === 'billing/0' ? importError(at, i, times.length) : outOfMemory(name, at, i)),
    )
  })
}

function outOfMemory(name: string, at: number, i: number): CrashDraft {
  return {
    type: 'crash',
    at: at + 0.2,
    sessionId: idOf(name),
    generation: String(i + 1),
    class: 'oom',
    code: null,
    signal: 'SIGKILL',
    phase: 'ready',
    message:
      'The process passed its limit of 512 MB (cgroup v2). Give it more (limits.memoryMb), or let it do less at a time (concurrency).',
    pid: 43996,
    livedMs: 42_600,
    maxRssBytes: 511_800_000,
    cpuMs: 48_200,
    lines: [
      { atMs: -720, stream: 'out', text: 'loading 41 pages of filings into memory' },
      { atMs: -140, stream: 'err', text: 'pdfminer: font cache is 388 MB' },
      { atMs: -10, stream: 'err', text: 'MemoryError: 24.0 MB for page 38 of 41' },
      { atMs: 0, stream: 'axon', text: 'process.exited signal=SIGKILL maxRss=511.8 MB cpu=48.2 s' },
    ],
    runs: [{ run: 'run_7KQ2', started: true, retried: false }],
    next: { kind: 'restart', dueAt: at + 7604, used: i + 1, maxRestarts: 10, withinMs: 600_000 },
  }
}

const traceback = `Traceback (most recent call last):
  File "/srv/desk/agents/billing.py", line 3, in <module>
    import stripe_legacy
ModuleNotFoundError: No module named 'stripe_legacy'`

function importError(at: number, i: number, all: number): CrashDraft {
  const isLast = i === all - 1
  return {
    type: 'crash',
    at: at + 0.2,
    sessionId: idOf('billing/0'),
    generation: String(i + 1),
    class: 'import',
    code: 1,
    signal: null,
    phase: 'starting',
    message: 'The module agents.billing cannot be imported: No module named stripe_legacy. Add it to the dependencies.',
    pid: 42_010 + i,
    livedMs: 3000,
    maxRssBytes: 58_000_000,
    cpuMs: 410,
    lines: traceback.split('\n').map((text) => ({ atMs: -20, stream: 'err' as const, text })),
    traceback,
    runs: [],
    next: isLast
      ? { kind: 'failed', used: 3, maxRestarts: 3, withinMs: 600_000 }
      : { kind: 'restart', dueAt: at + 11_000, used: i + 1, maxRestarts: 3, withinMs: 600_000 },
  }
}

/** Lines of `research/1` over six generations, and of `billing/0`. One of them is markup: it must stay text. */
export function crashLogs(now: number): Map<string, LogFrame[]> {
  const research: LogFrame[] = []
  const add = (
    at: number,
    generation: number,
    stream: LogFrame['stream'],
    text: string,
    more: Partial<LogFrame> = {},
  ) =>
    research.push({
      type: 'log',
      at,
      sessionId: idOf('research/1'),
      generation: String(generation),
      n: research.length,
      stream,
      text,
      ...more,
    })
  const ends = [257, 208, 160, 105, 57, 4.183]
  ends.forEach((seconds, i) => {
    const end = now - seconds * 1000
    const begin = end - 40_000
    add(begin, i + 1, 'axon', `process.spawned pid=${43_341 + i * 131}`)
    for (let line = 0; line < 50; line++) {
      add(
        begin + line * 780,
        i + 1,
        line % 17 === 9 ? 'err' : 'out',
        `page ${line} of filing ${i * 7 + (line % 7)} read in ${20 + ((line * 13) % 90)} ms`,
        {
          level: line % 17 === 9 ? 'warning' : 'info',
          ...(line === 30 && i === 2 ? { dropped: 412 } : {}),
        },
      )
    }
    add(end - 720, i + 1, 'out', 'loading 41 pages of filings into memory')
    if (i === 5) add(end - 400, i + 1, 'out', '<img src=x onerror="alert(1)"> is a title in filing 38')
    add(end - 140, i + 1, 'err', 'pdfminer: font cache is 388 MB', { level: 'warning' })
    add(end - 10, i + 1, 'err', 'MemoryError: 24.0 MB for page 38 of 41', { level: 'error' })
    add(end, i + 1, 'axon', 'process.exited signal=SIGKILL maxRss=511.8 MB cpu=48.2 s')
  })
  const billing = traceback.split('\n').map(
    (text, n): LogFrame => ({
      type: 'log',
      at: now - 194_020,
      sessionId: idOf('billing/0'),
      generation: '3',
      n,
      stream: 'err',
      text,
    }),
  )
  return new Map([
    [idOf('research/1'), research],
    [idOf('billing/0'), billing],
  ])
}
