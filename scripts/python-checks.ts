/** Runs the checks of the Python package: ruff (lint and format) and mypy, on the oldest interpreter that the machine has. */
import { spawnSync } from 'node:child_process'
import { pythonEnvironments, pythonRoot } from './python-environments.ts'

const [environment] = await pythonEnvironments()
const checks = [
  ['-m', 'ruff', 'check', '.'],
  ['-m', 'ruff', 'format', '--check', '.'],
  ['-m', 'mypy'],
]
for (const check of checks) {
  const { status } = spawnSync(environment?.python ?? '', check, {
    cwd: pythonRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) process.exitCode = 1
}
