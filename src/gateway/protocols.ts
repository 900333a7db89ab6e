/**
 * Owns which protocols of other clients the gateway speaks beside its own routes. How one is made is said in front.ts.
 */
import type { Front } from './front.ts'
import { a2a } from './protocols/a2a/routes.ts'
import { mcp } from './protocols/mcp/routes.ts'

export const protocols: readonly ((front: Front) => void)[] = [mcp, a2a]
