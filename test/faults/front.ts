/**
 * Owns what tests of a gateway under bad clients stand on: connections that send what they like and take what comes, and somebody
 * well-behaved who asks another agent meanwhile.
 */
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { Gateway } from '../../src/index.ts'

/** A connection whose errors are its own: whoever misbehaves is cut off. */
export function dial({ address }: Gateway): Socket {
  return connect(address.port, '127.0.0.1').on('error', () => {})
}

export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
}

/** The statuses that somebody else is answered with, again and again, until `work` is done. */
export async function meanwhile(call: () => Promise<Response>, work: Promise<unknown>): Promise<number[]> {
  let isOver = false
  const over = work.finally(() => {
    isOver = true
  })
  const statuses: number[] = []
  while (!isOver) {
    const answer = await call()
    await answer.arrayBuffer()
    statuses.push(answer.status)
    await Promise.race([over, setTimeout(20)])
  }
  return statuses
}

/** How many descriptors a process has open. */
export function descriptors(pid: number | 'self'): number {
  return readdirSync(`/proc/${pid}/fd`).length
}
