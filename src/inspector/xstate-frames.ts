/**
 * Owns the words of the XState inspector: what is seen of actors as the frames that `createWebSocketInspector` of
 * @statelyai/inspect sends, field by field, so that every receiver of it understands them. Who gets them is xstate-feed.ts.
 *
 * 1. Values are redacted and cut as on the page. Of a definition, which is code, structure is left whole.
 */
import type { AnyActorRef, InspectionEvent } from 'xstate'
import { logicOf, parentOf } from './actors.ts'
import { presentable } from './redaction.ts'

/** The version of @statelyai/inspect whose frames these are. */
export const wireVersion = '0.7.2'
/** A definition beyond so many characters is told by its name alone. */
const maxDefinitionChars = 2 ** 20

/** As the inspector's own client nests values. */
const bounds = { maxDepth: 10 }

/** `event` as a frame; undefined where it has none. */
export function frameOf(event: InspectionEvent): string | undefined {
  switch (event.type) {
    case '@xstate.actor':
      return actorFrame(event.actorRef as AnyActorRef, event.rootId)
    case '@xstate.event': {
      const { sourceRef, rootId } = event
      return toFrame(event.type, sessionOf(event.actorRef), rootId, {
        event: presentable(event.event, bounds, asJson),
        sourceId: sourceRef && sessionOf(sourceRef),
      })
    }
    case '@xstate.snapshot':
      return toFrame(event.type, sessionOf(event.actorRef), event.rootId, {
        event: presentable(event.event, bounds, asJson),
        snapshot: presentable(event.snapshot, bounds, asNamedJson),
      })
    default:
      return undefined
  }
}

/** An actor as it is now. */
export function actorFrame(ref: AnyActorRef, rootId: string): string {
  const { config } = logicOf(ref) as { config?: { id?: string } }
  const name = ref.id === ref.sessionId ? (config?.id ?? ref.id) : ref.id
  return toFrame('@xstate.actor', ref.sessionId, rootId, {
    name,
    parentId: parentOf(ref)?.sessionId,
    definition: definitionOf(config) ?? JSON.stringify({ id: name }),
    snapshot: presentable(ref.getSnapshot(), bounds, asJson),
  })
}

function toFrame(type: string, sessionId: string, rootId: string, fields: Record<string, unknown>): string {
  const createdAt = Date.now().toString()
  return JSON.stringify({ type, sessionId, rootId, createdAt, id: null, _version: wireVersion, ...fields })
}

function sessionOf(ref: object): string {
  return (ref as AnyActorRef).sessionId
}

const definitions = new WeakMap<object, string>()

function definitionOf(config: unknown): string | undefined {
  if (typeof config !== 'object' || config === null) return undefined
  const known = definitions.get(config)
  if (known !== undefined) return known || undefined
  const text = written(config)
  definitions.set(config, text)
  return text || undefined
}

/** Empty where it cannot be told. */
function written(config: object): string {
  try {
    const text = JSON.stringify(config, (key, value) => {
      if (typeof value === 'function') return { type: value.name }
      return dataKeys.has(key) ? presentable(value, bounds, asJson) : value
    })
    return text.length > maxDefinitionChars ? '' : text
  } catch {
    // It has a value that is no JSON: a cycle, or a number without end.
    return ''
  }
}

/** Where a definition has values rather than structure. */
const dataKeys: ReadonlySet<string> = new Set(['context', 'input', 'params', 'output', 'meta'])

/** As JSON.stringify sees a value: snapshots and references to actors say how they are written. */
function asJson(value: unknown): unknown {
  if (typeof value === 'function') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'object' || value === null) return value
  const { toJSON } = value as { toJSON?: unknown }
  return typeof toJSON === 'function' ? toJSON.call(value) : value
}

/** As `asJson`, and functions by their name. */
function asNamedJson(value: unknown): unknown {
  return typeof value === 'function' ? { type: value.name } : asJson(value)
}
