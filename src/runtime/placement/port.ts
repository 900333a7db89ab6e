/**
 * Owns the slot `portSpawn`: what runs an agent is a process of this machine, or an application on Ray.
 */
import { fromCallback } from 'xstate'
import type { AgentSlots } from '../../machines/slots.ts'
import { Port } from '../process/port.ts'
import { resourcesOf } from '../resources.ts'
import { RayPort } from './ray/port.ts'

export const portSpawn: AgentSlots['portSpawn'] = fromCallback(({ sendBack, receive, input, system }) => {
  const resources = resourcesOf(system)
  const { placement } = input.definition
  if (placement) resources.standAlone()
  const port = placement ? new RayPort(input, placement.ray, resources, sendBack) : new Port(input, resources, sendBack)
  receive((command) => port.take(command))
  resources.track(port.run())
  return () => port.abandon()
}) as AgentSlots['portSpawn']
