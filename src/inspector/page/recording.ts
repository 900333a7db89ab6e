/**
 * Owns recordings: frames, one a line, gzipped. What begins as `hello` and a keyframe is opened again by the same way in as frames
 * of a socket, with a server or without.
 */
import { signal } from '@preact/signals'
import type { LiveFrame } from '../frames.ts'
import * as connection from './connection.ts'
import { keyframeOf } from './history.ts'
import * as intake from './intake.ts'
import * as state from './state.ts'

/** Since when frames are kept for a file; undefined while they are not. */
export const recording = signal<{ at: number } | undefined>(undefined)
/** What went wrong with a file, in one sentence. */
export const recordingError = signal<string | undefined>(undefined)

const keptBytes = 128 * 1024 * 1024
let frames: LiveFrame[] = []
let bytes = 0

/** Begins to keep frames, or ends it and offers the file. */
export function toggleRecording(): void {
  if (recording.value === undefined) begin()
  else void end()
}

function begin(): void {
  intake.drain()
  const world = state.live.value
  if (world.hello === undefined) return
  frames = [{ ...world.hello, seq: world.seq, now: world.at }, keyframeOf(world), ...state.knownStreams()]
  bytes = 0
  intake.tap((frame, size) => {
    if (frame.type === 'ack' || frame.type === 'hello') return
    frames.push(frame)
    bytes += size
    if (bytes > keptBytes) void end()
  })
  recording.value = { at: state.now.value }
}

async function end(): Promise<void> {
  intake.drain()
  intake.tap(undefined)
  recording.value = undefined
  const text = `${frames.map((frame) => JSON.stringify(frame)).join('\n')}\n`
  frames = []
  const zipped = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))
  const blob = await new Response(zipped, { headers: { 'content-type': 'application/gzip' } }).blob()
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = fileName(state.live.value.hello?.system.name ?? 'axon', state.live.value.at)
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

function fileName(name: string, at: number): string {
  const time = new Date(at).toISOString().slice(0, 19).replaceAll(':', '-')
  return `${name}-${time}.axon.ndjson.gz`
}

/** Looks at a recording; the connection, if there was one, is left. */
export async function openRecording(file: File): Promise<void> {
  recordingError.value = undefined
  try {
    const text = await unzip(file)
    const read = text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LiveFrame)
    if (read[0]?.type !== 'hello') throw new Error('its first line is no hello frame')
    connection.stop()
    intake.reset()
    state.selected.value = undefined
    state.connection.value = { phase: 'recording', name: file.name }
    intake.receive(read, text.length)
    intake.drain()
    state.playhead.value = state.newestSeq.value
  } catch (error) {
    recordingError.value = `${file.name} is no recording: ${error instanceof Error ? error.message : String(error)}.`
  }
}

async function unzip(file: File): Promise<string> {
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer())
  if (head[0] !== 0x1f || head[1] !== 0x8b) return file.text()
  return new Response(file.stream().pipeThrough(new DecompressionStream('gzip'))).text()
}

/** Opens what is dropped on the page. */
export function startDrops(): void {
  document.addEventListener('dragover', (event) => event.preventDefault())
  document.addEventListener('drop', (event) => {
    event.preventDefault()
    const file = event.dataTransfer?.files[0]
    if (file !== undefined) void openRecording(file)
  })
}
