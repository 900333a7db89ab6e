/**
 * Owns what Node and an agent's process say to each other of its sandbox. The same shapes stand in
 * python/src/axon_agent/sandbox.py; docs/sandbox.md says what each means.
 */
import * as z from 'zod'

/** `best-effort` does what the kernel can; with `required` an agent does not run where that is not all. */
export const sandboxLevels = ['off', 'best-effort', 'required'] as const
export type SandboxLevel = (typeof sandboxLevels)[number]

/** What an agent in a sandbox may do; `true` is all. Paths are absolute. */
export interface Permissions {
  read: true | readonly string[]
  write: true | readonly string[]
  /** `host:port`, or `*:port`. */
  net: true | readonly string[]
  /** Names of Node's variables; `AWS_*` are all that begin so. */
  env: true | readonly string[]
  /** Programs, by path or by name. */
  run: true | readonly string[]
}

/** By what each part is held: `granted` is asked for and not held, `ports` is not held to its hosts, `partial` in part. */
export const achievedSandbox = z.partialRecord(
  z.enum(['read', 'write', 'run', 'net', 'sockets', 'processes', 'privileges']),
  z.enum(['landlock', 'seccomp', 'no_new_privs', 'ports', 'granted', 'partial', 'none']),
)
export type AchievedSandbox = z.infer<typeof achievedSandbox>

/** In the launch frame. */
export interface SandboxOrder extends Pick<Permissions, 'read' | 'write' | 'run'> {
  isRequired: boolean
  /** TCP ports that it may connect to. */
  ports: true | readonly number[]
  /** The ports are meant for certain hosts, which no kernel can hold. */
  namesHosts: boolean
}
