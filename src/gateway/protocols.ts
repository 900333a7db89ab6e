/**
 * Owns which protocols of other clients the gateway speaks beside its own routes. How one is made is said in front.ts.
 */
import type { Front } from './front.ts'
import { a2aRoutes } from './protocols/a2a/routes.ts'
import { agUiRoutes } from './protocols/ag-ui/routes.ts'
import { aiSdkRoutes } from './protocols/ai-sdk/routes.ts'
import { mcpRoutes } from './protocols/mcp/routes.ts'
import { openaiRoutes } from './protocols/openai/routes.ts'

export const protocols: readonly ((front: Front) => void)[] = [
  openaiRoutes,
  aiSdkRoutes,
  mcpRoutes,
  agUiRoutes,
  a2aRoutes,
]
