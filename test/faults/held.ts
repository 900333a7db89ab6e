/** Owns what a Node and a host hold at a moment: everything that could be left behind. Node needs `--expose-gc`. */
import { readdirSync, readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { queryObjects } from 'node:v8'
import { Pool } from 'undici'
import { Actor } from 'xstate'

export type Held = ReturnType<typeof held>

export function held(host: number) {
  // What counts objects of a class collects the garbage first.
  const objects = (type: { prototype: object }) => queryObjects(type as never, { format: 'count' }) as unknown as number
  const [actors = 0, sockets = 0, pools = 0, promises = 0] = [Actor, Socket, Pool, Promise].map(objects)
  const { heapUsed, external, rss } = process.memoryUsage()
  return {
    node: { memory: heapUsed + external, rss, descriptors: descriptors('self') },
    host: { rss: residentBytes(host), descriptors: descriptors(host) },
    objects: { actors, sockets, pools, promises },
    resources: counted(process.getActiveResourcesInfo()),
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
  }
}

function counted(kinds: readonly string[]): Record<string, number> {
  return Object.fromEntries([...new Set(kinds)].map((kind) => [kind, kinds.filter((each) => each === kind).length]))
}

const descriptors = (pid: number | 'self') => readdirSync(`/proc/${pid}/fd`).length
const residentBytes = (pid: number) => Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * 4096
