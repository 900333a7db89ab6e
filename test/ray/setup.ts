/** Owns the Ray head of a run of tests: started before the first test, ended after the last. */
import type { TestProject } from 'vitest/node'
import { startHead } from './head.ts'
import type { RayHead } from './node.ts'

declare module 'vitest' {
  interface ProvidedContext {
    ray: RayHead
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const { ray, end } = await startHead()
  project.provide('ray', ray)
  return end
}
