/**
 * Owns the server of MCP that all exchanges share: which tools there are, what a call does, and who is told when they change.
 */
import { createMcpHandler, isLegacyRequest, McpServer } from '@modelcontextprotocol/server'
import { packageVersion } from '../../../runtime/serving/version.ts'
import type { Front } from '../../front.ts'
import { callTool } from './call.ts'
import { exchangeOf } from './exchange.ts'
import { Sessions } from './sessions.ts'
import { Tools } from './tools.ts'

export interface McpEndpoint {
  answer(request: Request, body: unknown): Promise<Response>
  close(): Promise<void>
}

export function createMcpEndpoint(front: Front): McpEndpoint {
  const { axon } = front
  const tools = new Tools(axon)
  const make = () => {
    const mcp = new McpServer(
      { name: 'axon', version: packageVersion() },
      { capabilities: { tools: { listChanged: true } } },
    )
    mcp.server.setRequestHandler('tools/list', async (_, { http }) => ({
      tools: await tools.list(exchangeOf(http?.req).caller),
    }))
    mcp.server.setRequestHandler('tools/call', ({ params }, context) => callTool(front, params, context))
    return mcp
  }
  const sessions = new Sessions(make)
  // The gateway's own comments keep streams open.
  const handler = createMcpHandler(make, { legacy: 'reject', keepAliveMs: 0 })
  const changed = ({ agent }: { agent: string }) => {
    tools.forget(agent)
    handler.notify.toolsChanged()
    sessions.toolsChanged()
  }
  // A process that is ready tells its schemas.
  const offs = [axon.on('agent.spawned', changed), axon.on('agent.ready', changed), axon.on('agent.retired', changed)]
  return {
    answer: async (request, body) =>
      (await isLegacyRequest(request, body))
        ? await sessions.answer(request, body)
        : await handler.fetch(request, { parsedBody: body }),
    close: async () => {
      for (const off of offs) off()
      await Promise.all([handler.close(), sessions.close()])
    },
  }
}
