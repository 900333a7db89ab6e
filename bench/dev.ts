/**
 * From the save of an agent's file to the first answer by its new code, under `axon dev`, for a pydantic-ai agent that is asked all
 * the time. Each save has another answer of the same length, so that neither time nor size tells Python that the file changed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { startDev } from '../src/cli/dev-system.ts'
import type { BenchResult } from './main.ts'
import { round, summarize } from './statistics.ts'

const servesMs = 300
const patienceMs = 10_000

export async function dev(rounds = 20): Promise<BenchResult> {
  const loadBefore = round(loadavg()[0] ?? 0)
  const directory = mkdtempSync(join(tmpdir(), 'axon-bench-dev-'))
  const file = join(directory, 'support.py')
  const agents = { support: { module: 'support.py', dependencies: ['pydantic-ai-slim'] } }
  const config = join(directory, 'axon.config.json')
  writeFileSync(config, JSON.stringify({ agents }))
  writeFileSync(file, code('v100'))
  const system = await startDev({ file: config, onEvent: () => {} })
  try {
    const agent = system.axon.agent('support')
    const times: number[] = []
    let runs = 0
    for (let turn = 1; turn <= rounds; turn += 1) {
      const version = `v${100 + turn}`
      await agent.run({ prompt: 'hi' })
      await setTimeout(servesMs)
      const savedAt = performance.now()
      writeFileSync(file, code(version))
      // A run that fails ends the benchmark: none may.
      for (let isNew = false; !isNew; runs += 1) {
        isNew = (await agent.run({ prompt: 'hi' })).result === version
        if (performance.now() - savedAt > patienceMs) throw new Error(`No answer by ${version} after ${patienceMs} ms.`)
      }
      times.push(round(performance.now() - savedAt))
    }
    const saveToAnswerMs = summarize(times)
    return {
      figures: { loadBefore, saveToAnswerMs, runs, failed: 0 },
      targets: [
        {
          target: 'save to first answer by new code, each at most 100 ms',
          measured: saveToAnswerMs.max,
          isMet: saveToAnswerMs.max <= 100,
        },
      ],
    }
  } finally {
    await system.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function code(version: string): string {
  return `from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

agent = Agent(TestModel(custom_output_text="${version}"))
`
}
