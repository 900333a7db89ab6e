/**
 * Owns what `axon doctor` asks of Python: interpreters, uv, the wheel, where cgroups can be made, and what a
 * sandbox has to hold agents by, which Python decides.
 */

import { runCommand } from '../../runtime/environment/command.ts'
import { commandEnvironment } from '../../runtime/environment/command-environment.ts'
import { listInterpreters, minimumPython, selectInterpreter } from '../../runtime/environment/interpreters.ts'
import type { ProbeOptions } from '../../runtime/environment/probe.ts'
import { compareVersions, parseVersion } from '../../runtime/environment/requires-python.ts'
import { lookForUv } from '../../runtime/environment/uv.ts'
import { defaultWheel, readWheel } from '../../runtime/environment/wheel.ts'
import { type Finding, fault, messageOf, ok, warning } from './check.ts'

export interface PythonChecks {
  cacheDir: string
  uv: string | false | undefined
}

export async function checkPython({ cacheDir, uv }: PythonChecks): Promise<Finding[]> {
  const env = commandEnvironment(process.env)
  const options: ProbeOptions = { cacheDir, env, run: runCommand }
  const python = await selectInterpreter({ cwd: process.cwd() }, options).then(
    ({ path }) => path,
    () => undefined,
  )
  return [
    await checkInterpreters(options, python),
    await checkUv({ cacheDir, uv }, env),
    await checkWheel(),
    ...(process.platform === 'linux' && python !== undefined ? await checkKernel(python, env) : []),
  ]
}

async function checkInterpreters(options: ProbeOptions, best: string | undefined): Promise<Finding> {
  const all = await listInterpreters(options)
  const told = all.map(({ path, facts, failure }) => `${facts?.version ?? failure} (${path})`).join(', ')
  const isOld = (version: string) => compareVersions(parseVersion(version) ?? [0], minimumPython) < 0
  const minimum = minimumPython.slice(0, 2).join('.')
  if (best === undefined) {
    const mend = `Install Python ${minimum} or newer and see that it is on PATH, or give its path as "python".`
    return fault('python', told || 'none was found', 'No environment can be made, so no agent started.', mend)
  }
  const chosen = all.find(({ path }) => path === best)
  // Without it, venv and pip cannot be used where there is no uv.
  if (chosen?.facts && !(chosen.facts.hasVenv && chosen.facts.hasEnsurepip)) {
    const mend = 'Install uv, or what the system calls python3-venv.'
    return warning('python', told, `${best} has no venv or ensurepip: environments can be made with uv only.`, mend)
  }
  const old = all.filter(({ facts }) => facts && isOld(facts.version)).length
  return ok('python', `${told}; ${best} is used${old > 0 ? `, ${old} older than ${minimum} are not` : ''}`)
}

async function checkUv({ cacheDir, uv }: PythonChecks, env: NodeJS.ProcessEnv): Promise<Finding> {
  const cwd = process.cwd()
  const run: Parameters<typeof lookForUv>[0]['run'] = (argv, given) => runCommand({ cwd: '/', env, ...given, argv })
  const { path, reason } = await lookForUv({ uv, cacheDir, cwd, env, run })
  if (path !== undefined) return ok('uv', path)
  if (uv === false) return ok('uv', 'switched off: venv and pip are used')
  const follows =
    uv === undefined
      ? 'It is installed into the cache when first needed; where that fails, pip is used, which is slower.'
      : 'venv and pip are used, which is slower.'
  return warning('uv', reason ?? 'none', follows, 'Install uv, or set AXON_UV to its path.')
}

async function checkWheel(): Promise<Finding> {
  try {
    const { name, version } = await readWheel(defaultWheel())
    return ok('axon_agent', `${version} (${name})`)
  } catch (error) {
    return fault(
      'axon_agent',
      messageOf(error),
      'No environment can be made.',
      'Install the package axon-runtime again.',
    )
  }
}

const kernelScript = `
import json, sys
sys.path.insert(0, sys.argv[1])
from axon_agent import cgroup_places, sandbox
def place(controller):
    try:
        return {"at": cgroup_places.find(controller)}
    except cgroup_places.CgroupError as error:
        return {"why": str(error)}
print("axon:" + json.dumps({
    "memory": place("memory"), "pids": place("pids"), "held": sandbox.holds(),
}))
`

interface Place {
  at?: string
  why?: string
}

interface Kernel {
  memory: Place
  pids: Place
  held: { landlock: number; lacks: Record<string, string> }
}

/** Asked as a host and its agents ask. */
async function checkKernel(python: string, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  try {
    const argv = [python, '-E', '-s', '-B', '-c', kernelScript, defaultWheel()] as const
    const { lines } = await runCommand({ argv: [...argv], cwd: '/', env, timeoutMs: 20_000 })
    const line = lines.findLast((text) => text.startsWith('axon:'))
    if (line === undefined) throw new Error(lines.at(-1) ?? 'Python said nothing')
    const kernel = JSON.parse(line.slice('axon:'.length)) as Kernel
    return [judgeCgroups(kernel), judgeSandbox(kernel)]
  } catch (error) {
    const follows = 'Whether limits and sandboxes can be held is not known.'
    return [warning('kernel', messageOf(error), follows, 'See docs/agents.md and docs/sandbox.md.')]
  }
}

function judgeCgroups({ memory, pids }: Kernel): Finding {
  const why = memory.why ?? pids.why
  if (why === undefined) return ok('cgroups', `memory below ${memory.at}, processes below ${pids.at}`)
  const follows = 'limits.memoryMb and limits.processes are held by watching, and refused where they are "required".'
  const mend = 'Run below a cgroup that is yours: a systemd service with Delegate=yes, or a container with its own.'
  return warning('cgroups', why, follows, mend)
}

function judgeSandbox({ held: { landlock, lacks } }: Kernel): Finding {
  const missing = Object.entries(lacks).map(([part, why]) => `${part}: ${why}`)
  if (missing.length === 0) return ok('sandbox', `Landlock ${landlock} and seccomp hold all of it`)
  const follows = 'A sandbox that is "required" starts no agent; with "best-effort" this is not held.'
  return warning(
    'sandbox',
    missing.join('; '),
    follows,
    'Use Linux 6.12 or newer, with Landlock switched on (lsm=landlock,…).',
  )
}
