/**
 * Owns a child that is a real Python process: it ends with the process, and the process with it. What the cases do with it belongs to
 * the tests; fake children, to fake-child.ts.
 *
 * The process says `ready`, and from then on that it is well, every 20 ms. It does what it reads from its standard input.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, onTestFinished } from 'vitest'
import { type AnyActorRef, assign, fromCallback, sendTo, setup } from 'xstate'
import { type ChildSpec, exit } from '../../src/machines/supervision/index.ts'

/** Codes with which the process says that it wants to be gone in order. */
const orderly: Readonly<Record<number, unknown>> = { 0: 'normal', 64: 'shutdown', 65: { shutdown: 'info' } }

/** Silence that counts as a hang: longer than a busy machine makes a process wait. */
const hangMs = 1500

const program = `
import ctypes, os, resource, signal, sys, threading, time
def memory():
    resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
    kept = []
    while True:
        kept.append(bytearray(16 << 20))
def well():
    while True:
        print("well", flush=True)
        time.sleep(0.02)
obeys, leaves_after = sys.argv[1] == "obeys", float(sys.argv[2])
def leave(*_):
    time.sleep(leaves_after)
    os._exit(0)
signal.signal(signal.SIGTERM, leave if obeys else signal.SIG_IGN)
if sys.argv[3] == "fails":
    sys.exit("it cannot start")
print("ready", flush=True)
threading.Thread(target=well, daemon=True).start()
for line in sys.stdin:
    word = line.strip()
    if word == "memory":
        try:
            memory()
        except MemoryError:
            os._exit(1)
    elif word == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif word == "hang":
        os.kill(os.getpid(), signal.SIGSTOP)
    else:
        os._exit(int(word))
os._exit(0)
`

export interface PythonInput {
  /** On SIGTERM: it goes after so many seconds, or never. Default: at once. */
  onTerminate?: number | 'ignores'
  /** Asked at each start. Default: it starts. */
  canStart?: () => boolean
}

interface Death {
  code: number | null
  signal: NodeJS.Signals | null
}

/** A process that died of something else than its own orderly wish. */
class PythonDied extends Error {
  readonly death: Death | 'hang'

  constructor(death: Death | 'hang') {
    super(`The process died: ${JSON.stringify(death)}`)
    this.death = death
  }
}

type PythonEvent =
  | { type: 'supervisor.shutdown' }
  | { type: 'process.ready' }
  | { type: 'process.well' }
  | { type: 'process.exited'; death: Death }
  | { type: 'process.do'; word: string }

/** What the process is told to do. */
type PythonOrder = { type: 'process.signal'; signal: NodeJS.Signals } | { type: 'process.do'; word: string }

const processes = new WeakMap<AnyActorRef, ChildProcess>()
/** Those of the test that runs. */
const living = new Set<ChildProcess>()

const pythonProcess = fromCallback<PythonOrder, PythonInput & { owner: AnyActorRef }>(
  ({ input, sendBack, receive }) => {
    const { owner, onTerminate = 0, canStart = () => true } = input
    const [obeys, leavesAfter] = onTerminate === 'ignores' ? ['ignores', '0'] : ['obeys', String(onTerminate)]
    const argv = ['-I', '-S', '-c', program, obeys, leavesAfter, canStart() ? 'starts' : 'fails']
    const child = spawn('python3', argv, { stdio: ['pipe', 'pipe', 'ignore'] })
    processes.set(owner, child)
    living.add(child)
    child.on('exit', (code, signal) => {
      living.delete(child)
      sendBack({ type: 'process.exited', death: { code, signal } })
    })
    // A process that is killed takes its pipes with it.
    child.stdin.on('error', () => {})
    createInterface({ input: child.stdout }).on('line', (line) =>
      sendBack({ type: line === 'ready' ? 'process.ready' : 'process.well' }),
    )
    receive((event) => {
      if (event.type === 'process.signal') child.kill(event.signal)
      if (event.type === 'process.do') child.stdin.write(`${event.word}\n`)
    })
    return () => void child.kill('SIGKILL')
  },
)

const pythonChild = setup({
  types: {} as {
    context: { input: PythonInput; reason: unknown }
    input: PythonInput
    events: PythonEvent
    output: unknown
  },
  actors: { pythonProcess },
  actions: {
    throwDeath: ({ event }) => {
      throw new PythonDied((event as { death: Death }).death)
    },
    throwHang: () => {
      throw new PythonDied('hang')
    },
    keepReason: assign({ reason: ({ event }) => orderly[(event as { death: Death }).death.code ?? -1] }),
    keepShutdown: assign({ reason: 'shutdown' }),
    terminate: sendTo('process', { type: 'process.signal', signal: 'SIGTERM' }),
    kill: sendTo('process', { type: 'process.signal', signal: 'SIGKILL' }),
    pass: sendTo('process', ({ event }) => event),
  },
  guards: { isOrderly: ({ event }) => ((event as { death: Death }).death.code ?? -1) in orderly },
  delays: { hang: hangMs },
}).createMachine({
  context: ({ input }) => ({ input: input ?? {}, reason: undefined }),
  invoke: { id: 'process', src: 'pythonProcess', input: ({ context, self }) => ({ ...context.input, owner: self }) },
  initial: 'starting',
  output: ({ context }: { context: { reason: unknown } }) => exit(context.reason),
  states: {
    starting: { on: { 'process.ready': 'running', 'process.exited': { actions: 'throwDeath' } } },
    running: {
      after: { hang: { target: 'hung', actions: 'kill' } },
      on: {
        'process.well': { target: 'running', reenter: true },
        'process.do': { actions: 'pass' },
        'process.exited': [{ guard: 'isOrderly', target: 'gone', actions: 'keepReason' }, { actions: 'throwDeath' }],
        'supervisor.shutdown': { target: 'leaving', actions: 'terminate' },
      },
    },
    // A machine that throws leaves what it invoked behind: the process has to be gone before.
    hung: { on: { 'process.exited': { actions: 'throwHang' } } },
    leaving: { on: { 'process.exited': { target: 'gone', actions: 'keepShutdown' } } },
    gone: { type: 'final' },
  },
})

/** A spec with a Python process; started when the process has said that it is ready. */
export function python(
  id: string,
  { onTerminate, canStart, ...spec }: Omit<Partial<ChildSpec>, 'id' | 'input'> & PythonInput = {},
): ChildSpec {
  const input = { ...(onTerminate !== undefined && { onTerminate }), ...(canStart && { canStart }) }
  const ready = (snapshot: { value?: unknown }) => snapshot.value === 'running'
  return { id, logic: pythonChild, input, ready, startMs: 30_000, ...spec }
}

/** How the actor's process ends, once it does. To be asked while it lives. */
export async function deathOf(ref: AnyActorRef): Promise<NodeJS.Signals | number | null> {
  const child = processes.get(ref)
  if (child === undefined) throw new Error('The actor has no process.')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.signalCode ?? child.exitCode
}

export function pidOf(ref: AnyActorRef): number {
  return processes.get(ref)?.pid ?? -1
}

/** Every process of the test is gone when it ends, with its supervisors: to be asked for before those are made. */
export function expectNoProcessLeft(): void {
  onTestFinished(async () => {
    await Promise.all([...living].map((child) => once(child, 'exit')))
    expect(living.size).toBe(0)
  })
}

/** Ways to die that nobody wished for, each with how the operating system, or the watch of the child, tells of it. */
export const deaths: Readonly<Record<string, { kill: (ref: AnyActorRef) => void; is: object | string }>> = {
  SIGKILL: { kill: (ref) => process.kill(pidOf(ref), 'SIGKILL'), is: { code: null, signal: 'SIGKILL' } },
  SIGSEGV: { kill: (ref) => ref.send({ type: 'process.do', word: 'segv' }), is: { code: null, signal: 'SIGSEGV' } },
  'out of memory': { kill: (ref) => ref.send({ type: 'process.do', word: 'memory' }), is: { code: 1, signal: null } },
  hang: { kill: (ref) => ref.send({ type: 'process.do', word: 'hang' }), is: 'hang' },
  'exit code 3': { kill: (ref) => ref.send({ type: 'process.do', word: '3' }), is: { code: 3, signal: null } },
}
