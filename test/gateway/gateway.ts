/**
 * Owns what the tests of the gateway stand on: a gateway before a system, and requests as a client and as bytes.
 */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach } from 'vitest'
import { type AxonOptions, createGateway, type Gateway, type GatewayOptions } from '../../src/index.ts'
import { agent, newAxon } from '../e2e/axon.ts'

export const tokens = [
  { token: 'token-of-the-owner', name: 'owner' },
  { token: 'token-of-a-runner', name: 'runner', roles: ['run'], agents: ['echo', 'gate'] },
  { token: 'token-of-another-one', name: 'other', roles: ['run'] },
  { token: 'token-of-a-reader', name: 'reader', roles: ['read'] },
] as const satisfies readonly { token: string; name: string; roles?: readonly string[]; agents?: readonly string[] }[]

const gateways = new Set<Gateway>()

afterEach(async () => {
  const open = [...gateways]
  gateways.clear()
  await Promise.all(open.map((gateway) => gateway.close()))
})

/** A gateway before a system of these agents, which is called with the owner's token unless another is given. */
export async function serve(options: GatewayOptions = {}, agents: AxonOptions['agents'] = { echo: agent('echo') }) {
  const axon = await newAxon({ agents }).start()
  const gateway = await createGateway(axon, { tokens: structuredClone(tokens) as never, graceMs: 200, ...options })
  gateways.add(gateway)
  const call = async (path: string, { token = tokens[0].token as string, ...init }: CallInit = {}) => {
    const headers = new Headers(init.headers)
    if (token !== '') headers.set('authorization', `Bearer ${token}`)
    if (init.body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
    return await fetch(`${gateway.url}${path}`, { ...init, headers })
  }
  const post = (path: string, body: unknown, init: CallInit = {}) =>
    call(path, { method: 'POST', body: JSON.stringify(body), ...init })
  return { axon, gateway, call, post }
}

interface CallInit extends RequestInit {
  token?: string
}

/** Sends bytes as they are, and gives all that comes back until the other side closes. */
export async function raw(gateway: Gateway, bytes: string | Buffer): Promise<string> {
  const socket = connect(gateway.address.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(bytes)
  return await text(socket)
}

/** The lines of a request, with what every request must have. */
export function lines(gateway: Gateway, first: string, headers: readonly string[], body = ''): string {
  const all = [first, `Host: 127.0.0.1:${gateway.address.port}`, `Authorization: Bearer ${tokens[0].token}`, ...headers]
  return `${[...all, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`
}

export interface Event {
  id: number
  event: string
  data: Record<string, unknown>
}

/** The events of a `text/event-stream`, to its end. */
export async function allEventsOf(response: Response): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of eventsOf(response)) events.push(event)
  return events
}

async function* eventsOf(response: Response): AsyncGenerator<Event, void> {
  let rest = ''
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const parts = (rest + piece).split('\n\n')
    rest = parts.pop() ?? ''
    for (const part of parts) {
      const fields = Object.fromEntries(
        part.split('\n').map((line) => [line.split(':', 1)[0], line.replace(/^\w*: /, '')]),
      )
      if (fields.data) yield { id: Number(fields.id), event: fields.event ?? '', data: JSON.parse(fields.data) }
    }
  }
}
