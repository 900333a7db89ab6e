/**
 * Owns `axon types`: starts each agent of the configuration, asks it for its schemas, and writes or checks the file of types.
 *
 * 1. Nothing is written unless every agent has told its schemas.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import * as z from 'zod'
import { toAxonError } from '../errors.ts'
import type { AgentSchema } from '../protocol/schema.ts'
import { type Axon, createAxon } from '../runtime/axon.ts'
import type { AgentOptions } from '../runtime/config/agents.ts'
import { readConfig } from '../runtime/config/load.ts'
import { exitCodes } from './exit-codes.ts'
import { onInterrupt } from './interrupt.ts'
import { clearStatus, printJson, printLine, report, say, status } from './terminal.ts'
import { type Blocks, blockOf, blocksIn, fileOf, namespacesOf } from './types/file.ts'
import { type JsonSchema, typesOf } from './types/schema.ts'
import { writeWhole } from './write-whole.ts'

export interface TypesFlags {
  out?: string
  check?: boolean
  json?: boolean
}

type Change = 'added' | 'changed' | 'removed' | 'unchanged'

/** Runs it and resolves with the exit code. */
export async function types(config: string | undefined, flags: TypesFlags): Promise<number> {
  const { path, options } = await readConfig({ file: config })
  const file = flags.out === undefined ? join(dirname(path), 'axon.types.ts') : resolve(flags.out)
  const { agents, supervisors: _supervisors, journal: _journal, inspect: _inspect, logger: _logger, ...rest } = options
  const axon = createAxon(rest)
  const interrupt = onInterrupt(() => void axon.destroy())
  axon.on('environment.progress', ({ agent, progress: { message } }) => status(`${agent}: ${message}`))
  try {
    await axon.start()
    const namespaces = namespacesOf(Object.keys(agents))
    const told = await Promise.allSettled(
      Object.entries(agents).map(async ([name, agent]) => {
        const schema = withOutput(await schemaOf(axon, name, agent), agent)
        return [name, await blockOf(name, typesOf(schema), namespaces.get(name) as string)] as const
      }),
    )
    clearStatus()
    if (interrupt.code !== undefined) return interrupt.code
    const blocks = new Map(told.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])))
    const failed = told.flatMap((one) => (one.status === 'rejected' ? [toAxonError(one.reason)] : []))
    const text = fileOf(blocks, namespaces)
    const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined
    const isStale = failed.length > 0 || text !== before
    const changes = changesOf(before === undefined ? new Map() : blocksIn(before), blocks, Object.keys(agents))
    if (flags.json) printJson({ file, isStale, agents: Object.fromEntries(changes), errors: failed })
    else tell(changes, before ?? '', blocks)
    const codes = failed.map((error) => report(error))
    if (codes[0] !== undefined) return codes[0]
    if (flags.check) {
      say(isStale ? `${file} is stale. Run axon types, and commit it.` : `${file} is as the agents are.`)
      return isStale ? exitCodes.failed : exitCodes.done
    }
    if (isStale) writeWhole(file, text)
    say(isStale ? `${file} is written.` : `${file} is as the agents are.`)
    return exitCodes.done
  } finally {
    await axon.close()
    interrupt.off()
  }
}

/** One process of it on this machine, without what matters to runs alone, and beside a system that has its port. */
async function schemaOf(axon: Axon, name: string, agent: AgentOptions): Promise<AgentSchema> {
  const alone = { after: [], groups: [], replicas: 1, idleAfterMs: undefined, port: undefined }
  const placement = 'local' as const
  const restart = { maxRestarts: 0 }
  const handle = await axon.spawn({ ...agent, ...alone, placement, restart, onFailed: 'stay', name })
  return await handle.schema()
}

/** What the definition's own `output` makes of a result stands above what Python says. */
function withOutput(schema: AgentSchema, { output }: AgentOptions): AgentSchema {
  if (output === undefined) return schema
  const { $schema: _, ...own } = z.toJSONSchema(output, { io: 'output', unrepresentable: 'any' })
  return { ...schema, output: own as JsonSchema }
}

/** What became of each agent; nothing is said of those that could not be loaded. */
function changesOf(before: Blocks, after: Blocks, agents: readonly string[]): Map<string, Change> {
  const changes = new Map<string, Change>()
  for (const [agent, block] of after)
    changes.set(agent, !before.has(agent) ? 'added' : before.get(agent) === block ? 'unchanged' : 'changed')
  for (const agent of before.keys()) if (!agents.includes(agent)) changes.set(agent, 'removed')
  return changes
}

function tell(changes: ReadonlyMap<string, Change>, before: string, blocks: Blocks): void {
  const old = blocksIn(before)
  for (const [agent, change] of changes) {
    if (change === 'unchanged') continue
    printLine(`${agent}: ${change}`)
    if (change !== 'changed') continue
    const [was, is] = [old.get(agent)?.split('\n') ?? [], blocks.get(agent)?.split('\n') ?? []]
    for (const line of was) if (!is.includes(line)) printLine(`- ${line}`)
    for (const line of is) if (!was.includes(line)) printLine(`+ ${line}`)
  }
}
