/** Owns where the tests find what they share. */
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')
/** The working directory of the agents: `agents.echo` is test/fixtures/agents/echo.py. */
export const fixtures = join(root, 'test/fixtures')
/** Shared by all tests and kept between runs: environments are made once. */
export const cacheDir = join(root, 'node_modules/.cache/axon-e2e')
