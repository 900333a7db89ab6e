/**
 * Owns how the journal's log stands in its files: a segment is a sequence of lines, each with a checksum. The first says what
 * ids its runs begin at; each of the others is what was written together. Both threads read this; neither writes here.
 */
import { readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Write } from './messages.ts'

/** The first line of a segment. */
export interface LogHead {
  /** Runs of earlier systems have ids up to here. */
  base: number
}

export type LogEntry = LogHead | Write[]

export function encodeEntry(entry: LogEntry): string {
  const text = JSON.stringify(entry)
  return `${checksum(text)} ${text}\n`
}

/** Undefined where the line is not as it was written. */
export function decodeEntry(line: string): LogEntry | undefined {
  const text = line.slice(9)
  return line === `${checksum(text)} ${text}` ? (JSON.parse(text) as LogEntry) : undefined
}

/** The file of a segment. They count from 1. */
export function segmentPath(path: string, segment: number): string {
  return `${path}-log-${segment}`
}

/** The numbers of the segments that there are, the oldest first. */
export function segmentsOf(path: string): number[] {
  const prefix = `${basename(path)}-log-`
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)))
    .filter((segment) => Number.isSafeInteger(segment) && segment > 0)
    .sort((one, other) => one - other)
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}
