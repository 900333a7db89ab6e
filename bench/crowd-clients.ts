/**
 * Owns many clients of an HTTP address, in a process of its own: each has a connection, and sends one request. What they see is
 * told by messages.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { summarize } from './statistics.ts'

export interface Crowd {
  url: string
  path: string
  token: string | undefined
  body: string
  clients: number
  /** Requests a second. */
  pace: number
  /** How many answers, or beginnings of one, are told of by `crowd.answered`. */
  answers: number
}

/** What became of the requests that were answered, by status. */
export interface Answered {
  counts: Record<string, number>
  /** From the request to its refusal. */
  refusedMs: ReturnType<typeof summarize> | undefined
  withoutRetryAfter: number
}

const tickMs = 10
const sockets: Socket[] = []

process.on('message', (order: Crowd | 'leave') => {
  if (order !== 'leave') return void come(order)
  for (const socket of sockets.splice(0)) socket.destroy()
})

async function come({ url, path, token, body, clients, pace, answers }: Crowd): Promise<void> {
  const { hostname, port } = new URL(url)
  for (let client = 0; client < clients; client += 100) {
    const some = Array.from({ length: Math.min(100, clients - client) }, () => connect(Number(port), hostname))
    await Promise.all(some.map((socket) => once(socket, 'connect')))
    sockets.push(...some)
  }
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Authorization: Bearer ${token}`,
  ]
  const request = `${head.join('\r\n')}\r\n\r\n${body}`
  const counts: Record<string, number> = {}
  const refused: number[] = []
  let [count, withoutRetryAfter] = [0, 0]
  const told = (sentAt: number, text: string) => {
    const [, status = 'none'] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? []
    counts[status] = (counts[status] ?? 0) + 1
    if (status === '429') {
      refused.push(performance.now() - sentAt)
      if (!/^retry-after: \d+/im.test(text)) withoutRetryAfter += 1
    }
    count += 1
    if (count !== answers && count !== clients) return
    const answered: Answered = {
      counts: { ...counts },
      refusedMs: refused.length > 0 ? summarize(refused) : undefined,
      withoutRetryAfter,
    }
    process.send?.(answered)
  }
  for (let next = 0; next < sockets.length; ) {
    for (const socket of sockets.slice(next, next + Math.ceil((pace * tickMs) / 1_000))) {
      const sentAt = performance.now()
      socket.once('data', (data) => told(sentAt, data.toString('latin1')))
      socket.write(request)
      next += 1
    }
    await setTimeout(tickMs)
  }
}
