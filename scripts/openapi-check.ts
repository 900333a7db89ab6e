/**
 * Asks the gateway, and an agent's own process, what their OpenAPI descriptions make of them: schemathesis sends what is valid and
 * what is not, by a seed, and no answer may be a fault of the server, or one that the description does not have.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAxon, createGateway, ensureEnvironment } from 'axon-runtime'
import { resourcesOf } from '../dist/runtime/resources.js'

const checks = 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance'
const token = 'a-token-for-this-check-alone'
const scratch = mkdtempSync(join(tmpdir(), 'axon-openapi-'))
writeFileSync(join(scratch, 'echo.py'), 'def agent(prompt):\n    return prompt\n')
writeFileSync(join(scratch, 'schemathesis.toml'), '[parameters]\n"path.name" = "echo"\n')
const { python } = await ensureEnvironment({ cwd: scratch, dependencies: ['schemathesis==4.32.5'] })
const axon = await createAxon({
  agents: { echo: { module: 'echo', cwd: scratch, dependencies: [], port: 0 } },
}).start()
// Who may not operate stops no agent: each 503 is a fault.
const gateway = await createGateway(axon, { tokens: [{ token, roles: ['run', 'read'] }] })
try {
  await check('The gateway', gateway.url, token)
  const { generation = '', endpoint } = axon.agent('echo').snapshot() ?? {}
  if (endpoint?.kind !== 'tcp') throw new Error('The agent has no port.')
  const link = resourcesOf(axon.actor.system).links.get(generation)
  await check('The process of an agent', `http://127.0.0.1:${endpoint.port}`, link?.token)
} finally {
  await gateway.close()
  await axon.close()
  rmSync(scratch, { recursive: true, force: true })
}

async function check(what: string, url: string, bearer: string | undefined): Promise<void> {
  console.log(`${what}: ${url}/openapi.json`)
  const options = ['--checks', checks, '--max-examples', '25', '--seed', '1', '--no-color']
  const header = ['--header', `Authorization: Bearer ${bearer}`]
  const command = ['-m', 'schemathesis.cli', 'run', `${url}/openapi.json`, ...options, ...header]
  const child = spawn(python, command, { cwd: scratch, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  if (code !== 0) process.exitCode = 1
}
