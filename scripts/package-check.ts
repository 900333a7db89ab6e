/**
 * Packs the package as it would be published, checks its shape, and installs it into empty projects whose npm script runs the
 * ten lines, on each Node that is supported.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const nodes = ['24', '22', '26']
const scratch = mkdtempSync(join(tmpdir(), 'axon-package-'))
const xstate = JSON.parse(
  execFileSync('npm', ['pkg', 'get', 'devDependencies.xstate'], { cwd: root, encoding: 'utf8' }),
)

try {
  const packed = execFileSync(
    'npm',
    ['pack', '--json', '--silent', '--ignore-scripts', '--pack-destination', scratch],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
  const { filename, files } = firstOf(JSON.parse(packed)) as { filename: string; files: { path: string }[] }
  const tarball = join(scratch, filename)
  if (!files.some(({ path }) => /^dist\/python\/axon_agent-.*\.whl$/.test(path)))
    throw new Error('The wheel is not packed.')
  for (const name of ['index.html', 'page.js', 'page.css', 'page.svg']) {
    if (!files.some(({ path }) => path === `dist/inspector/page/${name}`))
      throw new Error(`${name} of the live page is not packed.`)
  }
  if (!files.some(({ path }) => path === 'templates/shared/gitignore')) throw new Error('The templates are not packed.')
  check('publint', ['run', tarball, '--strict'])
  check('attw', [tarball, '--profile', 'esm-only'])
  for (const node of nodes) smoke(tarball, node)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

/** npm prints an array, or an object by name. */
function firstOf(printed: unknown): unknown {
  return Array.isArray(printed) ? printed[0] : Object.values(printed as object)[0]
}

function check(tool: string, args: string[]): void {
  const { status } = spawnSync(join(root, 'node_modules/.bin', tool), args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`${tool} failed`)
}

/** An empty project, one npm install, one npm script. */
function smoke(tarball: string, node: string): void {
  const project = join(scratch, `node-${node}`)
  mkdirSync(project)
  const scripts = { main: 'node main.js' }
  const dependencies = { 'axon-runtime': `file:${tarball}`, xstate, node: `^${node}.0.0` }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'smoke', type: 'module', scripts, dependencies }))
  cpSync(join(root, 'test/fixtures/package'), project, { recursive: true })
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: project,
    stdio: ['ignore', 2, 2],
  })
  const printed = execFileSync('npm', ['run', '--silent', 'main'], { cwd: project, encoding: 'utf8' })
  const { version, result, events, ended } = JSON.parse(printed)
  if (!version.startsWith(`v${node}.`) || typeof result !== 'string' || events < 2 || ended !== 'shutdown')
    throw new Error(`Node ${node}: ${printed}`)
  console.log(`Node ${version}: installed, ran and streamed`)
}
