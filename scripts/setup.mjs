/**
 * Installs and builds what a fresh clone lacks, and says so; does nothing where all is there. Runs on Node 20 already, before
 * the project's own Node is installed, so it uses nothing but Node itself.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..')
const say = (text) => process.stderr.write(`setup: ${text}\n`)

step('packages', ['package.json', 'package-lock.json'], 'node_modules', () => {
  say('installing packages (npm ci)')
  run(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
})
step('dist', ['src', 'package.json', 'tsconfig.json'], 'dist/index.js', () => {
  say('compiling TypeScript (tsc)')
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'])
  removeStale('dist')
})
step('page', ['src/inspector', 'vite.config.ts', 'package.json'], 'dist/inspector/page/page.js', () => {
  say('building the live page (vite)')
  run(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), 'build'])
})
step('wheel', ['python/src', 'python/pyproject.toml', 'python/README.md'], 'dist/python/guard.py', buildWheel)

/** Runs `act` where `output` is missing, or the hash of `inputs` is not that of the last time. */
function step(name, inputs, output, act) {
  const hash = createHash('sha256')
  for (const input of inputs) hashInto(hash, input)
  const wanted = hash.digest('hex')
  const stamp = join(root, 'node_modules/.setup', name)
  if (existsSync(join(root, output)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  act()
  if (!existsSync(join(root, output))) fail(`${name} did not make ${output}`)
  mkdirSync(join(stamp, '..'), { recursive: true })
  writeFileSync(stamp, wanted)
}

/** Removes what was compiled from a source that is gone. Everything else stays in place: somebody may be reading it. */
function removeStale(path) {
  for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
    const name = join(path, entry.name)
    if (name === 'dist/python' || name === 'dist/inspector/page') continue
    if (entry.isDirectory()) removeStale(name)
    else if (!existsSync(join(root, name.replace(/^dist/, 'src').replace(/\.(d\.ts|js|js\.map)$/, '.ts'))))
      rmSync(join(root, name))
  }
}

function hashInto(hash, path) {
  const full = join(root, path)
  let names
  try {
    names = readdirSync(full).sort()
  } catch {
    hash.update(`${path}\0`).update(readFileSync(full))
    return
  }
  for (const name of names) if (name !== '__pycache__') hashInto(hash, join(path, name))
}

/** A pure wheel of python/, the same bytes from the same sources. */
function buildWheel() {
  say('building the Python wheel (pip wheel)')
  const scratch = mkdtempSync(join(tmpdir(), 'axon-wheel-'))
  try {
    run(
      pythonWithPip(scratch),
      ['-m', 'pip', 'wheel', '--quiet', '--no-deps', '--wheel-dir', scratch, join(root, 'python')],
      {
        SOURCE_DATE_EPOCH: '315532800',
        PIP_DISABLE_PIP_VERSION_CHECK: '1',
      },
    )
    const wheel = readdirSync(scratch).find((name) => name.endsWith('.whl'))
    const target = join(root, 'dist/python')
    mkdirSync(target, { recursive: true })
    place(join(scratch, wheel), join(target, wheel))
    // Provisioning runs under the same guard as hosts do, before axon_agent is installed anywhere.
    place(join(root, 'python/src/axon_agent/guard.py'), join(target, 'guard.py'))
    for (const name of readdirSync(target)) if (name !== wheel && name !== 'guard.py') rmSync(join(target, name))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Copies aside, then renames: whoever reads it sees the old file or the new one. */
function place(source, target) {
  copyFileSync(source, `${target}.new`)
  renameSync(`${target}.new`, target)
}

function pythonWithPip(scratch) {
  const isNewEnough = 'import sys; sys.exit(sys.version_info < (3, 10))'
  const pythons = ['python3', 'python', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.14']
  const python = pythons.find((name) => spawnSync(name, ['-c', isNewEnough]).status === 0)
  if (python === undefined) fail('Python 3.10 or newer was not found on PATH. Install it, then try again.')
  if (spawnSync(python, ['-m', 'pip', '--version']).status === 0) return python
  const venv = join(scratch, 'venv')
  if (spawnSync(python, ['-m', 'venv', venv]).status !== 0) {
    fail(`${python} has neither pip nor a working venv module. On Debian: apt-get install python3-venv`)
  }
  return join(venv, 'bin/python')
}

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    // Standard output belongs to the command that comes after setup.
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...env },
  })
  if (error) fail(`${command}: ${error.message}`)
  if (status !== 0) fail(`${command} ${args.join(' ')} ended with exit code ${status}`)
}

function fail(message) {
  say(message)
  process.exit(1)
}
