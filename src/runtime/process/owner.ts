/**
 * Owns the question "does the process that left this behind still live?", for locks and for half-made directories.
 * It does not take locks and removes nothing.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { statOf } from './identity.ts'

/** A process, told apart from later ones with the same pid. */
export interface Owner {
  /** The machine, its boot and its pid namespace: pids of other ones mean nothing here. */
  machine: string
  pid: number
  /** Start time in clock ticks since boot; empty where the system does not tell. */
  start: string
}

/** What another machine or container left is taken for dead when it was not touched for so long. */
const foreignAgeMs = 30 * 60_000

let self: Owner | undefined

export function thisOwner(): Owner {
  self ??= { machine: machineId(), pid: process.pid, start: startTime(process.pid) ?? '' }
  return self
}

/** @param touchedMs when the owner's file was last written, in milliseconds since 1970. */
export function isAlive(owner: Owner, touchedMs: number, nowMs = Date.now()): boolean {
  if (owner.machine !== thisOwner().machine) return nowMs - touchedMs < foreignAgeMs
  const start = startTime(owner.pid)
  return start !== undefined && start === owner.start
}

/** The form in which an owner stands in a file's name. */
export function ownerName(owner: Owner): string {
  return `${owner.machine}-${owner.pid}-${owner.start}`
}

export function parseOwnerName(name: string): Owner | undefined {
  const match = /^([0-9a-f]+)-(\d+)-(\d*)(?=-|$)/.exec(name)
  return match === null ? undefined : { machine: match[1] ?? '', pid: Number(match[2]), start: match[3] ?? '' }
}

/** Undefined where the process is gone or a zombie. */
function startTime(pid: number): string | undefined {
  if (process.platform !== 'linux') return isRunning(pid) ? '' : undefined
  const stat = statOf(pid)
  return stat === undefined || stat.state === 'Z' || stat.state === 'X' ? undefined : stat.startTime
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function machineId(): string {
  const parts = [
    hostname(),
    attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')),
    attempt(() => readlinkSync('/proc/self/ns/pid')),
  ]
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 8)
}

function attempt(read: () => string): string {
  try {
    return read().trim()
  } catch {
    return ''
  }
}
