/** OpenAI's own client for Python, unmodified, against agents of LangGraph and of the OpenAI Agents SDK. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ensureEnvironment } from '../../../src/index.ts'
import { agent, cacheDir, fixtures, record } from '../../e2e/axon.ts'
import { serve, tokens } from '../gateway.ts'

/** The client comes with the SDK. */
const dependencies = ['langgraph', 'openai-agents', 'pydantic-ai-slim[spec]']

test('chat completions, responses, streams, models and errors are what the client expects, of agents of other frameworks too', async () => {
  const { python } = await ensureEnvironment({ cwd: fixtures, dependencies }, { cacheDir })
  const of = (module: string, more = {}) => ({ module: `agents/${module}`, cwd: fixtures, dependencies, ...more })
  const { axon, gateway } = await serve(
    {},
    {
      graph: of('langgraph_adder.py'),
      sdk: of('openai_adder.py', { model: 'test' }),
      breaks: agent('generator', { module: 'agents.generator:breaks' }),
    },
  )
  const events = record(axon)
  const script = join(fixtures, 'openai_client.py')
  const { stdout } = await promisify(execFile)(python, [script, gateway.url, tokens[0].token])
  expect(JSON.parse(stdout)).toEqual({
    models: ['graph', 'sdk', 'breaks'],
    graph: {
      response: 'It is 3',
      again: ['completed', 'It is 3', true],
      whole: 'It is 3',
      finish: 'stop',
      words: ['It ', 'is ', '3'],
      tokens: [8, 8],
    },
    sdk: {
      response: '{"add": "0"}',
      again: ['completed', '{"add": "0"}', true],
      whole: '{"add": "0"}',
      finish: 'stop',
      words: expect.any(Array),
      tokens: expect.any(Array),
    },
    errors: [
      ['NotFoundError', 404, 'AGENT_UNKNOWN'],
      ['AuthenticationError', 401, 'GATEWAY_UNAUTHORIZED'],
      ['InternalServerError', 500, 'AGENT_RAISED'],
    ],
    broken: ['AGENT_RAISED', 'AGENT_RAISED'],
  })
  // One of each call: the client has tried none again.
  expect(events.filter((event) => event.type === 'run.accepted' && event.agent === 'breaks')).toHaveLength(3)
}, 600_000)
