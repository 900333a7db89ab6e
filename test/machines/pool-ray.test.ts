import { describe, expect, it } from 'vitest'
import type { RayPlacement } from '../../src/machines/definition.ts'
import { PoolRig } from './pool-rig.ts'

const ray: RayPlacement = {
  address: 'http://127.0.0.1:8265',
  proxy: 'http://127.0.0.1:8000',
  applicationPrefix: 'axon',
  onClose: 'delete',
  packages: 'image',
  exclude: [],
  resources: { custom: {} },
  direct: true,
  affinity: false,
}
const three = { placement: { ray }, replicas: { min: 3, max: 3 } }

describe('an agent on Ray', () => {
  it('is one replica of the pool, however many Ray is to have', () => {
    const rig = new PoolRig(three).up()
    expect(rig.alive).toEqual(['writer/0#1'])
  })

  it('goes on when it is scaled, and what stands for it is told the number', () => {
    const rig = new PoolRig(three).up()
    rig.scale(5)
    rig.settle()
    expect([rig.alive, rig.told(/scaled|rollout/)]).toEqual([['writer/0#1'], ['agent.scaled 3 to 5, asked']])
    const [adjusted] = rig.process('writer/0#1').commands
    expect(adjusted).toMatchObject({ type: 'process.adjust', definition: { replicas: { min: 5, max: 5 } } })
  })

  it('is started by a scale, with that number', () => {
    const rig = new PoolRig(three)
    rig.scale(2)
    rig.settle()
    expect(rig.alive).toEqual(['writer/0#1'])
    expect(rig.replica(0)?.context.definition.replicas).toEqual({ min: 2, max: 2 })
  })

  it('keeps the range that Ray scales it in', () => {
    const rig = new PoolRig({ placement: { ray }, replicas: { min: 1, max: 8 } }).up()
    rig.scale(4)
    rig.settle()
    expect([rig.alive, rig.told(/scaled/)]).toEqual([['writer/0#1'], []])
  })
})
