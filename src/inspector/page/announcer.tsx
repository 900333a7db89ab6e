/** Owns what is said without being looked at: the title of the window, and a polite summary of trouble every 5 s at most. */
import { effect, signal } from '@preact/signals'
import { duration } from './format.ts'
import * as state from './state.ts'
import { topState } from './states.ts'
import type { Actor } from './world.ts'

const everyMs = 5000
const said = signal('')

export function Announcer() {
  return (
    <p class="unseen" role="status" aria-live="polite">
      {said.value}
    </p>
  )
}

export function startAnnouncer(): void {
  let known = new Map<string, number>()
  let saidAt = Number.NEGATIVE_INFINITY
  effect(() => {
    const at = state.now.value
    state.treeVersion.value
    const world = state.live.peek()
    const broken = [...world.actors.values()].filter(isBroken).length
    const name = world.hello?.system.name ?? 'Axon'
    document.title = broken > 0 ? `✕ ${broken} · ${name}` : name
    if (performance.now() - saidAt < everyMs) return
    const crashed = [...world.actors.values()].filter(({ crash }) => crash !== undefined)
    const news = crashed.filter(({ sessionId, crash }) => known.size > 0 && known.get(sessionId) !== crash?.seq)
    known = new Map(crashed.map(({ sessionId, crash }) => [sessionId, crash?.seq ?? 0]))
    if (known.size === 0) known.set('', 0)
    if (news.length === 0) return
    saidAt = performance.now()
    said.value = news.map((actor) => sentence(actor, at)).join(' ')
  })
}

function isBroken(actor: Actor): boolean {
  const value = topState(actor.snapshot.value)
  return !actor.isGone && actor.kind === 'replica' && (value === 'failed' || value === 'crashed')
}

function sentence({ name, crash }: Actor, at: number): string {
  if (crash === undefined) return ''
  const what = crash.class === 'oom' ? 'out of memory' : crash.class
  const next =
    crash.next.kind === 'restart' && crash.next.dueAt !== undefined
      ? `; restarts in ${duration(Math.max(0, crash.next.dueAt - at))}`
      : crash.next.kind === 'failed'
        ? '; stays failed until agent.start'
        : ''
  return `${name} crashed, ${what}${next}.`
}
