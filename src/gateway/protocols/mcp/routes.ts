/**
 * Owns the address of MCP, `/mcp`, in its streamable HTTP form. What is said there is the library's and server.ts's.
 */
import type { Front } from '../../front.ts'
import { demandRole } from '../../guards.ts'
import { openExchange, sendResponse } from './exchange.ts'
import type { McpEndpoint } from './server.ts'

export function mcpRoutes(front: Front): void {
  const { app } = front
  let endpoint: Promise<McpEndpoint> | undefined
  app.route({
    method: ['GET', 'POST', 'DELETE'],
    url: '/mcp',
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      demandRole(front.caller(request), 'run')
      // Loaded when it is first asked for: a gateway that nobody speaks MCP to does without.
      endpoint ??= import('./server.ts').then(({ createMcpEndpoint }) => createMcpEndpoint(front))
      const opened = openExchange(front, request, reply)
      return await sendResponse(front, reply, opened, await (await endpoint).answer(opened, request.body))
    },
  })
  app.addHook('onClose', async () => await (await endpoint)?.close())
}
