/**
 * Owns the text of the file that `axon types` writes: a namespace for each agent, and what makes them known by name. Where the
 * schemas come from is the command's.
 *
 * 1. The same schemas give the same text: no time, no path, no order but that of the agents.
 */
import { AxonError } from '../../errors.ts'
import type { JsonSchema } from './schema.ts'

const head = `/* eslint-disable */
// biome-ignore-all format: written by a program
// biome-ignore-all lint: written by a program
// Written by \`axon types\` from the schemas of the agents. Change the agents, not this file, and write it again.
import type {} from 'axon-runtime'
`

/** The namespace of each agent, by its name. */
export type Blocks = ReadonlyMap<string, string>

/** The types of one agent, in a namespace of its own. @throws AxonError CONFIG_INVALID where what writes them is not installed */
export async function blockOf(agent: string, schema: JsonSchema, namespace: string): Promise<string> {
  const compile = await compiler()
  const text = await compile(schema, 'Agent', {
    bannerComment: '',
    additionalProperties: false,
    unreachableDefinitions: false,
    $refOptions: { resolve: { external: false } },
    style: { semi: false, singleQuote: true, printWidth: 118 },
  })
  const body = text.trimEnd().replaceAll(/^(?=.)/gm, '  ')
  return `${opening(agent)}\nexport declare namespace ${namespace} {\n${body}\n}\n`
}

/** A name in TypeScript for each agent: `my-agent` is `MyAgent`. */
export function namespacesOf(agents: readonly string[]): Map<string, string> {
  const names = new Map<string, string>()
  const taken = new Set<string>()
  for (const agent of agents) {
    const words = agent.split(/[_-]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    const name = words.join('').replace(/^(?=\d)/, 'Agent')
    let free = name
    for (let count = 2; taken.has(free); count += 1) free = `${name}${count}`
    taken.add(free)
    names.set(agent, free)
  }
  return names
}

export function fileOf(blocks: Blocks, namespaces: ReadonlyMap<string, string>): string {
  const known = [...blocks.keys()].map((agent) => `    ${keyOf(agent)}: ${namespaces.get(agent)}.Agent\n`)
  const module = `declare module 'axon-runtime' {\n  interface AgentTypes {\n${known.join('')}  }\n}\n`
  return [head, module, ...blocks.values()].join('\n')
}

/** The namespaces that a file has, as they stand there. */
export function blocksIn(file: string): Map<string, string> {
  const starts = [...file.matchAll(/^\/\*\* The agent `([^`]+)`\. \*\/$/gm)]
  return new Map(
    starts.map(({ index, 1: agent = '' }, at) => [
      agent,
      `${file.slice(index, starts[at + 1]?.index ?? file.length).trimEnd()}\n`,
    ]),
  )
}

function opening(agent: string): string {
  return `/** The agent \`${agent}\`. */`
}

function keyOf(agent: string): string {
  return /^[a-z_]\w*$/.test(agent) ? agent : `'${agent}'`
}

async function compiler() {
  try {
    return (await import('json-schema-to-typescript')).compile
  } catch (cause) {
    const message =
      'axon types writes TypeScript with a package that is not installed. Run: npm install --save-dev json-schema-to-typescript'
    throw new AxonError('CONFIG_INVALID', message, { cause })
  }
}
