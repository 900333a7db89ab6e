/**
 * Owns what `axon doctor` asks of the machine: Node, the system, sockets, limits, and the disk.
 */
import { accessSync, constants, mkdirSync, readFileSync, statfsSync } from 'node:fs'
import { createServer, type ListenOptions } from 'node:net'
import { join } from 'node:path'
import { makeRuntimeDir, nameRuntimeDirs, removeRuntimeDir } from '../../runtime/directories.ts'
import { type Finding, fault, messageOf, ok, warning } from './check.ts'

export interface MachineChecks {
  cacheDir: string
  runtimeDir: string | undefined
}

export async function checkMachine({ cacheDir, runtimeDir }: MachineChecks): Promise<Finding[]> {
  return [
    checkNode(),
    checkSystem(),
    await checkSockets(runtimeDir),
    await checkLoopback(),
    ...checkLimits(),
    checkDisk(cacheDir),
  ]
}

function checkNode(): Finding {
  const { node } = process.versions
  const [major = 0, minor = 0] = node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 19)) return ok('node', node)
  return fault('node', node, 'Axon does not run on it.', 'Install Node.js 22.19 or newer.')
}

function checkSystem(): Finding {
  const { platform, arch } = process
  const found = `${platform} ${arch}`
  if (platform === 'linux') return ok('system', found)
  if (platform === 'win32') {
    const mend = 'Run Node in WSL 2 or in a Linux container.'
    return fault('system', found, 'Axon needs Unix sockets and process groups.', mend)
  }
  const follows = 'Every start is cold, and what leaves its process group is not ended with its agent.'
  return warning('system', found, follows, 'Use Linux where that matters.')
}

/** As a system does it: a directory of its own, and a socket in it. */
async function checkSockets(base: string | undefined): Promise<Finding> {
  let made: string | undefined
  try {
    made = makeRuntimeDir(nameRuntimeDirs(base, process.env))
    await listen({ path: join(made, 'axon.sock') })
    return ok('sockets', `can be made in ${join(made, '..')}`)
  } catch (error) {
    const mend = 'Set AXON_RUNTIME_DIR to a short path of your own that you can write to.'
    return fault('sockets', messageOf(error), 'No agent can be started.', mend)
  } finally {
    if (made !== undefined) removeRuntimeDir(made)
  }
}

async function checkLoopback(): Promise<Finding> {
  try {
    await listen({ host: '127.0.0.1', port: 0 })
    return ok('loopback', 'ports of 127.0.0.1 can be used')
  } catch (error) {
    const follows = 'Agents with a "port" cannot be started; the others use sockets.'
    return warning('loopback', messageOf(error), follows, 'Bring the interface lo up.')
  }
}

/** Each replica takes about ten descriptors of Node's: its three connections, and those of its runs. */
const fewFiles = 1_024
const fewProcesses = 512

function checkLimits(): Finding[] {
  const text = attempt(() => readFileSync('/proc/self/limits', 'utf8')) ?? ''
  const soft = (name: string) => new RegExp(`^${name} +(\\d+|unlimited)`, 'm').exec(text)?.[1]
  const of = (name: string, what: string, value: string | undefined, few: number, option: string): Finding => {
    if (value === undefined) return ok(name, 'not told by this system')
    const found = `${value} ${what}`
    if (value === 'unlimited' || Number(value) >= few) return ok(name, found)
    return warning(name, found, 'Many agents or runs at once reach it.', `Raise it: ulimit ${option} ${few * 4}`)
  }
  return [
    of('open files', 'at once', soft('Max open files'), fewFiles, '-n'),
    of('processes', 'of this user', soft('Max processes'), fewProcesses, '-u'),
  ]
}

const littleMb = 1_024

function checkDisk(cacheDir: string): Finding {
  const mend = 'Set AXON_CACHE_DIR to a directory that you can write to, on a disk with room.'
  try {
    mkdirSync(cacheDir, { recursive: true })
    accessSync(cacheDir, constants.W_OK | constants.X_OK)
    const { bavail, bsize } = statfsSync(cacheDir)
    const freeMb = Math.floor((bavail * bsize) / 2 ** 20)
    const found = `${freeMb} MiB free for ${cacheDir}`
    if (freeMb >= littleMb) return ok('disk', found)
    return warning('disk', found, 'An environment takes 50 to 500 MiB.', `Remove some: axon env prune. ${mend}`)
  } catch (error) {
    return fault('disk', messageOf(error), 'No environment can be made.', mend)
  }
}

async function listen(where: ListenOptions): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => server.close(() => resolve()))
  })
}

function attempt<Result>(read: () => Result): Result | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
