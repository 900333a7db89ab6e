/** Owns what the crash card says of what comes next. */
import type { CrashFrame } from '../../frames.ts'
import { countdown, duration, generationNumber } from '../format.ts'
import { type Tone, topState } from '../states.ts'
import type { Actor } from '../world.ts'

export interface After {
  text: string
  /** `6th of 10 in 10 min`. */
  used: string
  tone: Tone
  shape?: string
  /** How much of the wait is left, from 0 to 1. */
  left?: number
}

export function afterCrash(
  { snapshot, process }: Pick<Actor, 'snapshot' | 'process'>,
  { next, generation, at }: Pick<CrashFrame, 'next' | 'generation' | 'at'>,
  now: number,
): After {
  const state = topState(snapshot.value)
  const successor = Number(generationNumber(generation)) + 1
  const used = next.maxRestarts === 0 ? '' : `${ordinal(next.used)} of ${next.maxRestarts} in ${minutes(next.withinMs)}`
  if (state === 'failed') return { text: 'Stays failed until agent.start.', used, tone: 'bad', shape: 'failed' }
  if (state === 'backoff' && next.dueAt !== undefined) {
    const leftMs = Math.max(0, (snapshot.dueAt ?? next.dueAt) - now)
    const left = Math.min(1, leftMs / Math.max(1, next.dueAt - at))
    return {
      text: `Generation ${successor} starts in ${countdown(leftMs)}`,
      used,
      tone: 'warn',
      shape: 'backoff',
      left,
    }
  }
  if (Number(generationNumber(process?.generation ?? '')) > successor - 1)
    return { text: `Generation ${generationNumber(process?.generation ?? '')} came after it.`, used, tone: 'rest' }
  if (next.kind === 'restart' && ['provisioning', 'starting', 'crashed'].includes(state))
    return { text: `Generation ${successor} starts now.`, used, tone: 'moving', shape: 'starting' }
  if (next.kind === 'failed') return { text: 'It was given up, and started again since.', used, tone: 'rest' }
  return { text: 'Nothing follows: it was asked to stop.', used: '', tone: 'rest' }
}

function minutes(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : duration(ms)
}

export function ordinal(n: number): string {
  const teen = n % 100 >= 11 && n % 100 <= 13
  return `${n}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')}`
}
