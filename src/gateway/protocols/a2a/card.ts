/**
 * Owns the card of an agent: what A2A's clients learn of it before they call.
 */
import type { AgentCard } from '@a2a-js/sdk'
import type { AgentSnapshot } from '../../../runtime/agent-view.ts'
import { packageVersion } from '../../../runtime/serving/version.ts'

const inputModes = ['text/plain', 'application/json', 'image/*', 'audio/*', 'video/*', 'application/pdf']
const outputModes = ['text/plain', 'application/json']

/** @param url where the agent is called, whole */
export function cardOf({ name, metadata }: AgentSnapshot, url: string, isTokenAsked: boolean): AgentCard {
  const { title, description, version, tags } = metadata
  const about = {
    name: typeof title === 'string' ? title : name,
    description: typeof description === 'string' ? description : `The agent ${name}.`,
  }
  const isWord = (tag: unknown) => typeof tag === 'string'
  return {
    ...about,
    version: typeof version === 'string' ? version : packageVersion(),
    supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', protocolVersion: '1.0', tenant: '' }],
    provider: undefined,
    capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: false, extensions: [] },
    securitySchemes: isTokenAsked ? { token: { scheme: { $case: 'httpAuthSecurityScheme', value: bearer } } } : {},
    securityRequirements: isTokenAsked ? [{ schemes: { token: { list: [] } } }] : [],
    defaultInputModes: inputModes,
    defaultOutputModes: outputModes,
    skills: [
      {
        ...about,
        id: name,
        tags: Array.isArray(tags) ? tags.filter(isWord) : [],
        examples: [],
        inputModes: [],
        outputModes: [],
        securityRequirements: [],
      },
    ],
    signatures: [],
  }
}

const bearer = { scheme: 'Bearer', description: 'A token of the gateway.', bearerFormat: '' }
