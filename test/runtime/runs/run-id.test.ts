import { expect, test } from 'vitest'
import { orderedId } from '../../../src/runtime/runs/run-id.ts'

test('an id is a UUID of version 7, and ids of later times stand later', () => {
  const ids = [1, 999, 2 ** 32, 1_795_616_337_141, 2 ** 47].map((nowMs) => orderedId(nowMs))
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect([...ids].sort()).toEqual(ids)
  expect(orderedId(1)).not.toBe(orderedId(1))
})
