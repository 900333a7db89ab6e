/**
 * Checks the deployment example without a container engine: the manifests against their schemas, the unit by systemd, and the
 * steps of the Dockerfile in a scratch directory, where its entry point must serve, be healthy, answer and end on SIGTERM.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ensureEnvironment } from '../src/runtime/environment/environment.ts'
import { instructionsOf, variablesOf, wordsOf } from './dockerfile.ts'

const root = join(import.meta.dirname, '..')
const example = join(root, 'examples/deploy')
const scratch = mkdtempSync(join(tmpdir(), 'axon-deploy-'))

try {
  await checkManifests()
  checkUnit()
  await checkDockerfile()
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

async function checkManifests(): Promise<void> {
  const tools = ['kubernetes-validate==1.37.0', 'check-jsonschema==0.39.0']
  const { python } = await ensureEnvironment({ cwd: scratch, dependencies: tools })
  const kubernetes = ['-m', 'kubernetes_validate', '--strict', join(example, 'kubernetes/axon.yaml')]
  execFileSync(python, kubernetes, { stdio: 'inherit' })
  const compose = ['-m', 'check_jsonschema', '--builtin-schema', 'vendor.compose-spec', join(example, 'compose.yaml')]
  execFileSync(python, compose, { stdio: 'inherit' })
}

/** Where the command of the unit stands, systemd looks for one. */
function checkUnit(): void {
  if (!isCommand('systemd-analyze')) return console.log('axon.service: not verified, systemd is not on this machine')
  const text = readFileSync(join(example, 'axon.service'), 'utf8')
  const unit = join(scratch, 'axon.service')
  writeFileSync(unit, text.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`))
  execFileSync('systemd-analyze', ['verify', unit], { stdio: 'inherit' })
  console.log('axon.service: verified')
}

async function checkDockerfile(): Promise<void> {
  const instructions = instructionsOf(readFileSync(join(example, 'Dockerfile'), 'utf8'))
  const places = {
    '/app': join(scratch, 'app'),
    '/opt/axon': join(scratch, 'cache'),
    '/var/lib/axon': join(scratch, 'var'),
  }
  const placed = (text: string) =>
    Object.entries(places).reduce((changed, [path, place]) => changed.replaceAll(path, place), text)
  const port = await freePort()
  const variables = JSON.parse(placed(JSON.stringify(variablesOf(instructions)))) as Record<string, string>
  const env = { ...process.env, ...variables, AXON_GATEWAY_HOST: '127.0.0.1', AXON_GATEWAY_PORT: String(port) }
  prepare(places['/app'])

  for (const { name, value } of instructions.filter(({ name }) => name === 'RUN')) {
    const isOfImage = value.includes('apt-get') || (value.includes('chown') && process.getuid?.() !== 0)
    console.log(`${name} ${value}${isOfImage ? ': not run, it is of the image only' : ''}`)
    if (!isOfImage) execFileSync('sh', ['-c', placed(value)], { cwd: places['/app'], env, stdio: ['ignore', 2, 2] })
  }
  await checkService(instructions, { cwd: places['/app'], env }, port)
}

/** What `COPY` brings; axon-runtime is this one, not the published. */
function prepare(app: string): void {
  cpSync(example, app, { recursive: true })
  mkdirSync(join(scratch, 'packed'))
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', join(scratch, 'packed')]
  const name = execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }).trim()
  const manifest = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8'))
  manifest.dependencies['axon-runtime'] = `file:${join(scratch, 'packed', name)}`
  writeFileSync(join(app, 'package.json'), JSON.stringify(manifest))
  execFileSync('npm', ['install', '--package-lock-only', '--silent'], { cwd: app, stdio: ['ignore', 2, 2] })
}

async function checkService(
  instructions: ReturnType<typeof instructionsOf>,
  options: { cwd: string; env: NodeJS.ProcessEnv },
  port: number,
): Promise<void> {
  const token = 'check-'.padEnd(40, 'x')
  const env = { ...options.env, AXON_GATEWAY_TOKENS: JSON.stringify([{ token, roles: ['run'] }]) }
  const [command = '', ...args] = [...wordsOf(instructions, 'ENTRYPOINT'), ...wordsOf(instructions, 'CMD')].filter(
    (word) => !['tini', '--'].includes(word),
  )
  const server = spawn(command, args, { ...options, env, stdio: ['ignore', 2, 2] })
  const ended = once(server, 'exit')
  try {
    const [node = '', ...probe] = wordsOf(instructions, 'HEALTHCHECK').map((word) => word.replace('8080', String(port)))
    await until(() => isHealthy(node, probe, options), ended)
    console.log('HEALTHCHECK: healthy')
    const answer = await fetch(`http://127.0.0.1:${port}/agents/support/run_sync`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'Where is my order?' }),
    })
    if (answer.status !== 200) throw new Error(`run_sync: ${answer.status} ${await answer.text()}`)
    console.log(`run_sync: ${JSON.stringify(((await answer.json()) as { result: unknown }).result)}`)
  } finally {
    server.kill('SIGTERM')
    const [code] = await ended
    console.log(`SIGTERM: ended with ${code}`)
    if (code !== 0) process.exitCode = 1
  }
}

async function until(holds: () => boolean, ended: Promise<unknown>): Promise<void> {
  const end = ended.then(() => {
    throw new Error('The service ended before it was healthy.')
  })
  for (let tries = 0; !holds(); tries += 1) {
    if (tries === 120) throw new Error('The service was not healthy in time.')
    await Promise.race([setTimeout(500), end])
  }
  end.catch(() => {})
}

function isHealthy(command: string, args: string[], options: { cwd: string; env: NodeJS.ProcessEnv }): boolean {
  try {
    execFileSync(command, args, { ...options, stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function isCommand(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some((directory) => existsSync(join(directory, name)))
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}
