/**
 * Owns connections before they are requests: how many there may be, and the last word to one that speaks no HTTP or is too slow.
 */
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { AxonError, type ErrorCode } from '../errors.ts'
import type { GatewaySettings } from './options.ts'
import { statusOf, toWire } from './statuses.ts'

export function boundConnections(server: Server, settings: GatewaySettings): void {
  server.maxConnections = settings.maxConnections
  const most = settings.maxConnectionsPerAddress
  if (most === undefined) return
  const counts = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? ''
    const count = counts.get(address) ?? 0
    if (count >= most) return socket.destroy()
    counts.set(address, count + 1)
    socket.once('close', () => {
      const left = (counts.get(address) ?? 1) - 1
      if (left > 0) counts.set(address, left)
      else counts.delete(address)
    })
  })
}

/** Whether more of a body may come than anybody reads: its connection is of no further use. */
export function mayBeEndless({ complete, headers }: IncomingMessage, { maxBodyBytes }: GatewaySettings): boolean {
  return !complete && ('transfer-encoding' in headers || Number(headers['content-length']) > maxBodyBytes)
}

const codes: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['GATEWAY_REQUEST_SLOW', 'The request was not there in time. Send it faster.'],
  HPE_HEADER_OVERFLOW: ['GATEWAY_REQUEST_TOO_LARGE', 'The headers are larger than 16 KiB.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['GATEWAY_REQUEST_TOO_LARGE', 'The extensions of a chunk are too large.'],
}

/** Answers what was no request, where there is still somebody to answer, and closes. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) return void socket.destroy()
  const [code, message] = codes[error.code ?? ''] ?? ['GATEWAY_REQUEST_MALFORMED', 'The request is no HTTP.']
  const body = JSON.stringify(toWire(new AxonError(code, message), undefined))
  const status = statusOf(code)
  const reason = { 400: 'Bad Request', 408: 'Request Timeout', 413: 'Content Too Large' }[status] ?? 'Refused'
  const head = `HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
  socket.end(head + body, () => socket.destroy())
}
