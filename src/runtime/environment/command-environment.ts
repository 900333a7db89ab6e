/**
 * Owns the environment variables of provisioning commands: the user's own, with what would lead a command astray taken out
 * and bounds for a missing network put in. The agents' environment is not made here.
 */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Set by an activated environment or for another purpose, these would point commands at the wrong Python or directory. */
const misleading = [
  'VIRTUAL_ENV',
  'CONDA_PREFIX',
  '__PYVENV_LAUNCHER__',
  'PIP_TARGET',
  'PIP_PREFIX',
  'PIP_ROOT',
  'PIP_PYTHON',
  'PIP_USER',
  'PIP_REQUIRE_VIRTUALENV',
  'PIP_DRY_RUN',
  'PIP_REPORT',
  'PIP_LOG',
  'PIP_QUIET',
  'PIP_VERBOSE',
  'PIP_NO_DEPS',
  'UV_PYTHON',
  'UV_SYSTEM_PYTHON',
  'UV_PROJECT',
  'UV_WORKING_DIR',
  'UV_PROJECT_ENVIRONMENT',
  'UV_BREAK_SYSTEM_PACKAGES',
  'UV_VENV_CLEAR',
  'UV_VENV_SEED',
  'UV_VENV_RELOCATABLE',
  'UV_NO_CONFIG_DISCOVERY',
] as const

/** Python's own variables that are about trust and text, not about where code is. */
const harmlessPython = new Set(['PYTHONHTTPSVERIFY', 'PYTHONUTF8', 'PYTHONIOENCODING', 'PYTHONWARNINGS'])

export function commandEnvironment(user: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  for (const [name, value] of Object.entries(user)) {
    const isPython = /^PYTHON[A-Z]/.test(name) && !harmlessPython.has(name)
    if (!isPython && !(misleading as readonly string[]).includes(name)) env[name] = value
  }
  const bounds: NodeJS.ProcessEnv = {
    UV_HTTP_RETRIES: '2',
    UV_HTTP_CONNECT_TIMEOUT: '5',
    ...(isSetInPipFiles(user, 'retries') ? {} : { PIP_RETRIES: '2' }),
    ...(isSetInPipFiles(user, 'timeout') ? {} : { PIP_DEFAULT_TIMEOUT: '10' }),
  }
  for (const [name, value] of Object.entries(bounds)) {
    if (env[name] === undefined && !(name === 'PIP_DEFAULT_TIMEOUT' && env.PIP_TIMEOUT !== undefined)) env[name] = value
  }
  // Without any retry pip does not say that it could not connect, and a missing network looks like a missing package.
  if (env.PIP_RETRIES === '0') env.PIP_RETRIES = '1'
  return {
    ...env,
    GIT_TERMINAL_PROMPT: '0',
    NO_COLOR: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_COLOR: '1',
    PIP_NO_INPUT: '1',
    PIP_PROGRESS_BAR: 'off',
    PIP_REQUIRE_VIRTUALENV: '0',
    PIP_ROOT_USER_ACTION: 'ignore',
    PIP_USER: '0',
    PYTHONUNBUFFERED: '1',
    PYTHONUTF8: '1',
    UV_NO_PROGRESS: '1',
    UV_PYTHON_DOWNLOADS: 'never',
  }
}

/** pip's variables win over its files, so a bound of ours may only be set where no file has one. */
function isSetInPipFiles(env: NodeJS.ProcessEnv, option: 'retries' | 'timeout'): boolean {
  const home = env.HOME ?? homedir()
  const files = [
    env.PIP_CONFIG_FILE,
    '/etc/pip.conf',
    '/etc/xdg/pip/pip.conf',
    join(env.XDG_CONFIG_HOME ?? join(home, '.config'), 'pip', 'pip.conf'),
    join(home, '.pip', 'pip.conf'),
    join(home, 'Library', 'Application Support', 'pip', 'pip.conf'),
  ]
  const pattern = new RegExp(`^\\s*(default-)?${option}\\s*[=:]`, 'm')
  return files.some((file) => file !== undefined && pattern.test(readOrEmpty(file)))
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
