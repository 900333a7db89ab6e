/**
 * Owns `axon doctor`: what there is on this machine that Axon needs, what follows, and how to mend it. Each thing is asked as
 * the runtime itself asks it.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { AgentDefinition } from '../machines/definition.ts'
import type { AxonOptions } from '../runtime/axon.ts'
import { withoutConfig } from '../runtime/config/load.ts'
import { parseSystem } from '../runtime/config/system.ts'
import { defaultCacheDir } from '../runtime/environment/environment.ts'
import { knownSystems } from '../runtime/state/living.ts'
import { defaultStateDir } from '../runtime/state/record.ts'
import { type Finding, fault, messageOf, ok, warning } from './checks/check.ts'
import { checkMachine } from './checks/machine.ts'
import { checkPython } from './checks/python.ts'
import { checkRay } from './checks/ray.ts'
import { exitCodes } from './exit-codes.ts'
import { type ConfigFlag, readSettings } from './settings.ts'
import { paint, printJson, printLine } from './terminal.ts'

export interface DoctorFlags extends ConfigFlag {
  json?: boolean
  ray?: boolean
}

const signs = { ok: '✓', warning: '!', error: '✗' } as const
const colours = { ok: 'green', warning: 'yellow', error: 'red' } as const

export async function doctor({ json, ray, ...flags }: DoctorFlags): Promise<number> {
  const { finding, options, agents } = await checkConfig(flags)
  const cacheDir = resolve(options.cacheDir ?? defaultCacheDir())
  const findings = [
    ok('axon-runtime', version()),
    ...(await checkMachine({ cacheDir, runtimeDir: options.runtimeDir })),
    ...(await checkPython({ cacheDir, uv: options.uv })),
    finding,
    checkSystems(resolve(options.stateDir ?? defaultStateDir(process.env))),
    ...(ray ? await checkRay(agents) : []),
  ]
  const isWell = findings.every(({ status }) => status !== 'error')
  if (json) printJson({ ok: isWell, findings })
  else for (const found of findings) show(found)
  return isWell ? exitCodes.done : exitCodes.failed
}

interface Checked {
  finding: Finding
  options: AxonOptions
  agents: readonly AgentDefinition[]
}

async function checkConfig(flags: ConfigFlag): Promise<Checked> {
  try {
    const { path, options } = await readSettings(flags)
    if (path === undefined) return { finding: ok('config', 'there is none here or above'), options, agents: [] }
    const { agents } = parseSystem(options)
    const count = agents.length
    return { finding: ok('config', `${path}, ${count} ${count === 1 ? 'agent' : 'agents'}`), options, agents }
  } catch (error) {
    const finding = fault('config', messageOf(error), 'No command that reads it works.', 'Correct what is named.')
    return { finding, options: ofVariables(), agents: [] }
  }
}

function ofVariables(): AxonOptions {
  try {
    return withoutConfig().options
  } catch {
    // One of them is what is wrong.
    return {}
  }
}

function checkSystems(stateDir: string): Finding {
  const { living, dead } = knownSystems(stateDir)
  const running = living.map(({ id, pid }) => `${id} (process ${pid})`).join(', ')
  const found = running === '' ? `none is running, by ${stateDir}` : `running: ${running}`
  if (dead.length === 0) return ok('systems', found)
  const follows = `${dead.length} ended without being closed: ${dead.join(', ')}. Processes of theirs may be left.`
  return warning('systems', found, follows, 'Start any system on this stateDir: it sweeps what they left.')
}

function show({ name, status, found, follows, mend }: Finding): void {
  printLine(`${paint(colours[status], signs[status])} ${paint('bold', name)}: ${found}`)
  if (follows !== undefined) printLine(`    ${follows}`)
  if (mend !== undefined) printLine(`    → ${mend}`)
}

function version(): string {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')).version
}
