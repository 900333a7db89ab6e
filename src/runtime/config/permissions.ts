/**
 * Owns what a user may say of an agent's sandbox, and the one function that reads it. How it is held is axon_agent's.
 */
import { resolve } from 'node:path'
import * as z from 'zod'
import { type Permissions, type SandboxLevel, sandboxLevels } from '../../protocol/sandbox.ts'
import { invalid, options } from './fields.ts'

/** `true`, or a list. */
const granted = (entry: z.ZodString) => z.union([z.literal(true), z.array(entry)]).default([])
const path = z.string().regex(/^[^\0]+$/, 'is no path: it is empty, or holds a NUL character')
const address = z
  .string()
  .regex(
    /^(\*|[\w.-]+|\[[\da-fA-F:.]+\]):([1-9]\d{0,4})$/,
    'is no address: write host:port, or *:port for any host, for example api.openai.com:443',
  )
  .refine((given) => portOf(given) <= 65_535, 'has a port above 65535')
const variable = z.string().regex(/^[^=*\0]+\*?$/, 'is no name of a variable; write NAME, or PREFIX_*')

export const sandbox = z.enum(sandboxLevels)
export const permissions = options({
  /** Files and directories, from `cwd`, that it may read beside its own directory, its environment and the system's libraries; `true`: all. Default []. */
  read: granted(path),
  /** Files and directories, from `cwd`, that it may read and write beside a temporary directory of its own; `true`: all. Default []. */
  write: granted(path),
  /** TCP connections: `api.openai.com:443`, or `*:443` for any host, which is all that a kernel can hold; `true`: all of the network. Default []. */
  net: granted(address),
  /** Variables of Node's environment that it gets beside PATH, locale and certificates: `DATABASE_URL`, `AWS_*`; `true`: all. Default []. */
  env: granted(variable),
  /** Programs that it may execute beside its own interpreter: `git`, `/opt/tool`; `true`: all. Default []. */
  run: granted(path),
})

interface Given {
  cwd: string
  sandbox?: SandboxLevel | undefined
  permissions?: Permissions | undefined
}

/**
 * The permissions of an agent in a sandbox, with absolute paths; undefined where it has none.
 * @throws AxonError CONFIG_INVALID where they would not be held, and nobody said that they need not be
 */
export function readPermissions(name: string, { cwd, sandbox, permissions: given }: Given): Permissions | undefined {
  if (given !== undefined && sandbox === undefined)
    throw invalid(
      `agent ${name} has permissions and no sandbox, so nothing would hold it to them: write sandbox: 'required' or 'best-effort', or 'off' for the time being`,
    )
  if (sandbox === undefined || sandbox === 'off') return undefined
  const { read, write, net, env, run } = given ?? permissions.parse({})
  const host = net === true ? undefined : net.find(namesHost)
  if (sandbox === 'required' && host !== undefined)
    throw invalid(
      `permissions.net of agent ${name} names the host of ${host}, which the kernel cannot hold it to: with sandbox 'required' write *:${portOf(host)}`,
    )
  const absolute = (paths: true | readonly string[]) => paths === true || paths.map((each) => resolve(cwd, each))
  return {
    read: absolute(read),
    write: absolute(write),
    net,
    env,
    run: run === true || run.map((each) => (each.includes('/') ? resolve(cwd, each) : each)),
  }
}

/** Whether an address is for one host only. */
export function namesHost(address: string): boolean {
  return !address.startsWith('*:')
}

export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}
