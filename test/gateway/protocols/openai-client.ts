/** Owns OpenAI's own client, unmodified, before a gateway. */
import OpenAI from 'openai'
import type { AxonOptions, GatewayOptions } from '../../../src/index.ts'
import { serve, tokens } from '../gateway.ts'

/** A gateway before these agents, the owner's client, and clients of other tokens. */
export async function served(agents: AxonOptions['agents'], options: GatewayOptions = {}) {
  const { axon, gateway } = await serve(options, agents)
  const client = (apiKey: string = tokens[0].token, more = {}) =>
    new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, ...more })
  return { axon, gateway, openai: client(), client }
}
