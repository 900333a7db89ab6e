/**
 * Owns the types of the slots: the actors that a machine names and the runtime fills. Shapes only; nothing here runs.
 */

/** What an agent needs to run: the input of `ensureEnvironment`. */
export interface EnvironmentSpec {
  /** Directory in which project files (`uv.lock`, `pyproject.toml`, …) are looked for. Absolute. */
  cwd: string
  /** An interpreter (name or path), or an existing environment's directory, which is used as it is. */
  python?: string | undefined
  /** Requirements as PEP 508 strings; takes the place of project files. */
  dependencies?: readonly string[] | undefined
  /** A requirements file, relative to `cwd`; takes the place of project files. */
  requirements?: string | undefined
  /** A Python script (`cwd`-relative or absolute) whose PEP 723 block may name dependencies. */
  script?: string | undefined
}

/** An environment that is complete and can be launched from. */
export interface Environment {
  /** The environment's interpreter. Absolute. */
  python: string
  /** The environment's directory. Absolute. */
  root: string
  /** Content address: interpreter, requirements or lock, axon_agent. */
  fingerprint: string
  /** The interpreter's version, for example `3.12.1`. */
  version: string
  installer: 'uv' | 'pip' | 'none'
  /** True where nothing had to be made and no process was started. */
  isWarm: boolean
  /** Milliseconds that the call took. */
  elapsedMs: number
}

/** How far an environment is. `completed` of `total` steps, both from 0, so that a bar can be drawn. */
export interface EnvironmentProgress {
  phase: 'interpreter' | 'installer' | 'lock' | 'create' | 'resolve' | 'install' | 'compile' | 'complete'
  /** For a person: what is being done, for example `Installing 24 packages`. */
  message: string
  completed: number
  total: number
}
