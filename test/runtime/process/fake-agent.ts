/**
 * Stands in for `python -m axon_agent.agent` in the tests of ports: speaks the protocol, or breaks it, as the variable
 * FAKE_AGENT says.
 */
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

const bootstrap = await createInterface({ input: process.stdin })[Symbol.asyncIterator]().next()
const { socket: path, generation, nonce } = JSON.parse(String(bootstrap.value))
const facts = { name: 'writer', framework: 'function', python: '3.12.1', axonAgent: '0.1.0' }
const heartbeat = { type: 'heartbeat', rss: 1, cpu: 1, loopLagMs: 0, inFlight: 0 }
const forever = () => void setInterval(() => {}, 1_000_000)
const write = (socket: Socket, text: string) => new Promise<void>((resolve) => socket.write(text, () => resolve()))
const tell = (socket: Socket, ...frames: object[]) =>
  write(socket, frames.map((frame) => `${JSON.stringify(frame)}\n`).join(''))

async function dial(stream: string): Promise<Socket> {
  const socket = connect(path)
  await tell(socket, { type: 'hello', protocol: 1, generation, pid: process.pid, nonce, stream })
  return socket
}

async function dialAll() {
  const [stdout, stderr, control] = [await dial('stdout'), await dial('stderr'), await dial('control')]
  return { stdout, stderr, control }
}

/** Connects, hears `launch` and tells `ready`; then gives every later frame to `hear`. */
async function serve(hear: (frame: { type: string; run?: string }) => void = () => {}) {
  const all = await dialAll()
  const lines = createInterface({ input: all.control })[Symbol.asyncIterator]()
  const launch = JSON.parse((await lines.next()).value as string)
  const ready = { type: 'ready', endpoint: launch.endpoint, agent: facts }
  void (async () => {
    for await (const text of { [Symbol.asyncIterator]: () => lines }) hear(JSON.parse(text as string))
    if (!all.control.destroyed) process.exit(9)
  })()
  return { ...all, launch, ready }
}

const behaviours: Record<string, () => Promise<void> | void> = {
  async dies() {
    await write(await dial('stderr'), 'Traceback\nModuleNotFoundError: agents\n')
    process.exit(3)
  },
  silent: forever,
  async works() {
    const { control, ready, stdout, stderr, launch } = await serve(({ type }) => {
      if (type === 'drain') process.exit(0)
    })
    await write(stdout, 'hello from stdout\n')
    await write(stderr, `launched with ${Object.keys(launch).join(' ')}\n`)
    await tell(control, ready, heartbeat)
  },
  async stubborn() {
    process.on('SIGTERM', () => {})
    const { control, ready } = await serve()
    await tell(control, ready)
  },
  async garbage() {
    const { control } = await serve()
    await write(control, 'print("hello")\n')
  },
  async oversize() {
    const { control } = await serve()
    await write(control, 'x'.repeat(1024 * 1024))
  },
  async foreign() {
    const { control } = await serve()
    await tell(control, { type: 'resign' })
  },
  async twice() {
    const { control, ready } = await serve()
    await tell(control, ready, ready)
  },
  /** Says that it serves on the socket of somebody else. */
  async elsewhere() {
    const { control, ready } = await serve()
    await tell(control, { ...ready, endpoint: { kind: 'unix', path } })
  },
  /** Ends its control connection and lives. */
  async closes() {
    const { control, ready } = await serve()
    await tell(control, ready)
    control.destroy()
    forever()
  },
  /** Leaves a process of another session behind that holds every connection open. */
  async daemon() {
    const { control, stdout, stderr, ready } = await serve()
    const left = spawn('sleep', ['1000'], { detached: true, stdio: [control, stdout, stderr] })
    await tell(control, ready, { type: 'started', run: String(left.pid) })
    process.exit(1)
  },
  /** Leaves a child of its own group behind that holds every connection open. */
  async child() {
    const { control, stdout, stderr, ready } = await serve()
    spawn('sleep', ['1000'], { stdio: [control, stdout, stderr] })
    await tell(control, ready)
    process.exit(1)
  },
  /** Speaks before it is spoken to, and tells what it hears. */
  async early() {
    const { control, stdout } = await dialAll()
    await tell(control, heartbeat)
    await write(stdout, 'dialed\n')
    for await (const text of createInterface({ input: control })) {
      const { type, endpoint } = JSON.parse(text)
      await write(stdout, `heard ${type}\n`)
      if (type === 'launch') await tell(control, { type: 'ready', endpoint, agent: facts })
    }
  },
  async receipts() {
    const { control, ready } = await serve()
    const receipts = Array.from({ length: 2_000 }, (_, at) => ({ type: 'started', run: `r-${at}` }))
    await tell(control, ready, ...receipts)
    process.kill(process.pid, 'SIGKILL')
  },
  async importFails() {
    const { control, stderr } = await dialAll()
    const failure = { phase: 'import', code: 'AGENT_IMPORT_FAILED', kind: 'ImportError', message: 'no', traceback: '' }
    await write(stderr, 'ImportError: no\n')
    await tell(control, { type: 'failed', ...failure })
    process.exit(1)
  },
  async environment() {
    const { stdout, stderr } = await serve()
    const told = await createInterface({ input: stdout })[Symbol.asyncIterator]().next()
    await write(stderr, `${JSON.stringify(JSON.parse(String(told.value)).variables)}\n`)
  },
  /** Answers a request with more than a reader takes at once, and exits when the kernel has all of it. */
  async answers() {
    const { control, ready, launch } = await serve()
    const server = createServer((_, response) => {
      const event = (id: number, name: string, data: unknown) =>
        `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`
      const deltas = Array.from({ length: 400 }, (_, at) => event(at + 1, 'text.delta', { text: 'x'.repeat(400) }))
      const result = event(401, 'run.result', { result: 'done', messages: [], usage: { total_tokens: 0 } })
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(deltas.join('') + result)
      response.end(() => process.exit(0))
    })
    server.listen(launch.endpoint.path, () => void tell(control, ready))
  },
}

await behaviours[process.env.FAKE_AGENT as string]?.()
