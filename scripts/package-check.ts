/**
 * Packs the package as it would be published, checks its shape, and installs it into empty projects whose npm script runs the
 * ten lines, on each Node that is supported. What comes with it is listed, and its licences and known faults are looked at.
 *
 *     node scripts/package-check.ts [--sbom FILE]     FILE: where the list is kept, as CycloneDX
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'

const root = join(import.meta.dirname, '..')
/** Of the live page's script, gzipped. */
const mostPageBytes = 110_000
const nodes = ['24', '22', '26']
/** Of everything that a user installs with the package. */
const licences = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'])
const { sbom } = parseArgs({ options: { sbom: { type: 'string' } } }).values
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
  const page = gzipSync(readFileSync(join(root, 'dist/inspector/page/page.js'))).length
  if (page > mostPageBytes) throw new Error(`The live page is ${page} bytes, gzipped: more than ${mostPageBytes}.`)
  if (!files.some(({ path }) => path === 'templates/shared/gitignore')) throw new Error('The templates are not packed.')
  check('publint', ['run', tarball, '--strict'])
  check('attw', [tarball, '--profile', 'esm-only'])
  for (const node of nodes) smoke(tarball, node)
  lookAtDependencies(join(scratch, `node-${nodes[0]}`))
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
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'smoke', version: '0.0.0', type: 'module', scripts, dependencies }),
  )
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

interface Component {
  name: string
  version: string
  licenses?: { expression?: string; license?: { id?: string; name?: string } }[]
}

/** The packages of a project in which the package was installed, beside what the project has of its own. */
function lookAtDependencies(project: string): void {
  const printed = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], {
    cwd: project,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  const components = (JSON.parse(printed) as { components: Component[] }).components.filter(
    ({ name }) => !/^node(-|$)/.test(name),
  )
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const missing = Object.keys(dependencies).filter((name) => !components.some((one) => one.name === name))
  if (missing.length > 0) throw new Error(`The list of dependencies lacks ${missing.join(', ')}`)
  const strange = components.filter((one) => !licencesOf(one).every((licence) => licences.has(licence)))
  if (strange.length > 0)
    throw new Error(
      `Licences: ${strange.map((one) => `${one.name} ${licencesOf(one).join(', ') || 'none'}`).join('; ')}`,
    )
  console.log(
    `${components.length} packages are installed with it, under ${[...new Set(components.flatMap(licencesOf))].join(', ')}`,
  )
  const { status, stdout, stderr } = spawnSync('npm', ['audit', '--json'], { cwd: project, encoding: 'utf8' })
  const { metadata, message } = JSON.parse(stdout || '{}') as { metadata?: object; message?: string }
  if (metadata === undefined) console.log(`Known faults could not be asked for: ${message ?? stderr.split('\n', 1)[0]}`)
  else if (status === 0) console.log('No known faults.')
  else throw new Error(`Packages with known faults:\n${stdout}`)
  if (sbom !== undefined) writeFileSync(resolve(sbom), printed)
}

function licencesOf({ licenses = [] }: Component): string[] {
  return licenses.flatMap(({ expression, license }) => expression ?? license?.id ?? license?.name ?? 'none')
}
